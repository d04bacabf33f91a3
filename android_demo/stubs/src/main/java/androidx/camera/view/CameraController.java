package androidx.camera.view;

import androidx.camera.core.CameraInfo;
import androidx.camera.core.CameraSelector;
import androidx.camera.core.ImageAnalysis;
import androidx.camera.core.resolutionselector.ResolutionSelector;
import com.google.common.util.concurrent.ListenableFuture;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

public abstract class CameraController {
    public static final int IMAGE_ANALYSIS = 2;

    /** For tests: the cameras of the simulated phone. */
    public static Set<CameraSelector> stubCameras =
            Set.of(CameraSelector.DEFAULT_FRONT_CAMERA, CameraSelector.DEFAULT_BACK_CAMERA);

    /** For tests: why the camera cannot be initialized; null if it can. */
    public static Throwable stubFailure;

    public ImageAnalysis.Analyzer stubAnalyzer;
    private CameraSelector selector = CameraSelector.DEFAULT_BACK_CAMERA;
    private ResolutionSelector resolution;
    private int strategy;
    private int format;

    public void setEnabledUseCases(int enabledUseCases) {}

    public CameraSelector getCameraSelector() {
        return selector;
    }

    public void setCameraSelector(CameraSelector cameraSelector) {
        selector = cameraSelector;
    }

    /** The front camera's sensor is turned by 270 degrees, the back camera's by 90. */
    public CameraInfo getCameraInfo() {
        return relativeRotationDegrees -> {
            int turned = 90 * relativeRotationDegrees; // a Surface.ROTATION constant
            return selector == CameraSelector.DEFAULT_FRONT_CAMERA
                    ? (270 + turned) % 360
                    : (90 - turned + 360) % 360;
        };
    }

    public boolean hasCamera(CameraSelector cameraSelector) {
        return stubCameras.contains(cameraSelector);
    }

    public ListenableFuture<Void> getInitializationFuture() {
        return new Ready();
    }

    public void setImageAnalysisAnalyzer(Executor executor, ImageAnalysis.Analyzer analyzer) {
        stubAnalyzer = analyzer;
    }

    public void clearImageAnalysisAnalyzer() {
        stubAnalyzer = null;
    }

    public int getImageAnalysisBackpressureStrategy() {
        return strategy;
    }

    public void setImageAnalysisBackpressureStrategy(int strategy) {
        this.strategy = strategy;
    }

    public int getImageAnalysisOutputImageFormat() {
        return format;
    }

    public void setImageAnalysisOutputImageFormat(int imageAnalysisOutputImageFormat) {
        format = imageAnalysisOutputImageFormat;
    }

    public ResolutionSelector getImageAnalysisResolutionSelector() {
        return resolution;
    }

    public void setImageAnalysisResolutionSelector(ResolutionSelector resolutionSelector) {
        resolution = resolutionSelector;
    }

    private static final class Ready implements ListenableFuture<Void> {
        @Override
        public void addListener(Runnable listener, Executor executor) {
            executor.execute(listener);
        }

        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            return false;
        }

        @Override
        public boolean isCancelled() {
            return false;
        }

        @Override
        public boolean isDone() {
            return true;
        }

        @Override
        public Void get() throws ExecutionException {
            if (stubFailure != null) throw new ExecutionException(stubFailure);
            return null;
        }

        @Override
        public Void get(long timeout, TimeUnit unit) throws ExecutionException {
            return get();
        }
    }
}
