package androidx.camera.view;

import android.content.Context;
import android.util.AttributeSet;
import android.widget.FrameLayout;

public final class PreviewView extends FrameLayout {
    private CameraController controller;

    public PreviewView(Context context, AttributeSet attrs) {
        super(context, attrs);
    }

    public CameraController getController() {
        return controller;
    }

    public void setController(CameraController cameraController) {
        controller = cameraController;
    }
}
