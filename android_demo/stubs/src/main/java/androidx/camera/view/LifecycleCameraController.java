package androidx.camera.view;

import android.content.Context;
import androidx.lifecycle.LifecycleOwner;

public final class LifecycleCameraController extends CameraController {
    /** For tests: whom the camera serves; null when it serves nobody. */
    public LifecycleOwner stubOwner;

    public LifecycleCameraController(Context context) {}

    public void bindToLifecycle(LifecycleOwner lifecycleOwner) {
        stubOwner = lifecycleOwner;
    }

    public void unbind() {
        stubOwner = null;
    }
}
