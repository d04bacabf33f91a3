package org.fersdk.demo

import android.app.Activity
import android.content.res.Configuration
import android.graphics.Color
import android.os.Build
import android.view.View
import android.view.WindowInsets
import android.view.WindowInsetsController

/** Draws behind transparent system bars, as Android 15 does anyway, with icons that contrast with the theme. */
@Suppress("DEPRECATION") // colours and visibility flags, for Android 8 to 14
fun Activity.drawBehindSystemBars() {
    val night = resources.configuration.uiMode and Configuration.UI_MODE_NIGHT_MASK
    val isLight = night != Configuration.UI_MODE_NIGHT_YES
    window.statusBarColor = Color.TRANSPARENT
    window.navigationBarColor = Color.TRANSPARENT
    val decor = window.decorView
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
        window.setDecorFitsSystemWindows(false)
        val dark = WindowInsetsController.APPEARANCE_LIGHT_STATUS_BARS or
            WindowInsetsController.APPEARANCE_LIGHT_NAVIGATION_BARS
        decor.windowInsetsController?.setSystemBarsAppearance(if (isLight) dark else 0, dark)
    } else {
        val icons = if (isLight) View.SYSTEM_UI_FLAG_LIGHT_STATUS_BAR or LIGHT_NAVIGATION_BAR else 0
        decor.systemUiVisibility = View.SYSTEM_UI_FLAG_LAYOUT_STABLE or
            View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN or View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION or icons
    }
}

/**
 * Keeps a view's content clear of the system bars and camera cutouts: adds them to the padding that the
 * layout gives it, which `fitsSystemWindows` would replace.
 */
fun View.addInsetsToPadding(top: Boolean, bottom: Boolean) {
    val given = intArrayOf(paddingLeft, paddingTop, paddingRight, paddingBottom)
    setOnApplyWindowInsetsListener { view, insets ->
        val bars = barsOf(insets)
        view.setPadding(
            given[0] + bars[0], given[1] + if (top) bars[1] else 0,
            given[2] + bars[2], given[3] + if (bottom) bars[3] else 0,
        )
        insets
    }
}

/** Left, top, right, bottom of the system bars and cutouts in pixels. */
@Suppress("DEPRECATION") // Android 8 to 10
private fun barsOf(insets: WindowInsets): IntArray =
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
        val types = WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout()
        insets.getInsets(types).let { intArrayOf(it.left, it.top, it.right, it.bottom) }
    } else {
        intArrayOf(
            insets.systemWindowInsetLeft, insets.systemWindowInsetTop,
            insets.systemWindowInsetRight, insets.systemWindowInsetBottom,
        )
    }

/** `View.SYSTEM_UI_FLAG_LIGHT_NAVIGATION_BAR`, ignored by API 26. */
private const val LIGHT_NAVIGATION_BAR = 0x10
