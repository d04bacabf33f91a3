package androidx.camera.view;

import android.content.Context;
import androidx.lifecycle.LifecycleOwner;

public final class LifecycleCameraController extends CameraController {
    /** For tests: the owner that the camera is bound to; null if it is unbound. */
    public LifecycleOwner stubOwner;

    public LifecycleCameraController(Context context) {}

    public void bindToLifecycle(LifecycleOwner lifecycleOwner) {
        stubOwner = lifecycleOwner;
    }

    public void unbind() {
        stubOwner = null;
    }
}
