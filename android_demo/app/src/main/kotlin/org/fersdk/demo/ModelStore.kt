package org.fersdk.demo

import android.content.Context
import org.fersdk.android.Choice

/**
 * Remembers the chosen model between starts.
 *
 * A choice is kept after a good run only. While one is tried, a mark is stored; a mark that is found at a
 * start means that the app ended during the trial, for example by a crash of a GPU driver.
 */
class ModelStore(context: Context) {
    private val preferences = context.getSharedPreferences("model", Context.MODE_PRIVATE)

    /** Title of the choice of the last good run, or null. */
    val chosen: String? get() = preferences.getString(CHOSEN, null)

    /** Returns the title of the choice during whose trial the app ended, or null, and forgets that choice. */
    fun takeFailed(): String? {
        val title = preferences.getString(TRIED, null) ?: return null
        val editor = preferences.edit().remove(TRIED)
        if (title == chosen) editor.remove(CHOSEN)
        editor.commit()
        return title
    }

    /** Marks a choice as being tried; returns after the mark is on the disk. */
    fun begin(choice: Choice) {
        preferences.edit().putString(TRIED, choice.title).commit()
    }

    /** Removes the mark: the trial ended without a crash. */
    fun end() = preferences.edit().remove(TRIED).apply()

    /** Removes the mark and keeps the choice for the next start. */
    fun keep(choice: Choice) = preferences.edit().remove(TRIED).putString(CHOSEN, choice.title).apply()

    private companion object {
        const val CHOSEN = "chosen"
        const val TRIED = "tried"
    }
}
