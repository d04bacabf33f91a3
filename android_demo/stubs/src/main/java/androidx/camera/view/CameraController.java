package androidx.camera.view;

import androidx.camera.core.CameraSelector;
import androidx.camera.core.ImageAnalysis;
import androidx.camera.core.resolutionselector.ResolutionSelector;
import com.google.common.util.concurrent.ListenableFuture;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

public abstract class CameraController {
    public static final int IMAGE_ANALYSIS = 2;

    /** For tests: the cameras of the simulated phone. */
    public static Set<CameraSelector> stubCameras =
            Set.of(CameraSelector.DEFAULT_FRONT_CAMERA, CameraSelector.DEFAULT_BACK_CAMERA);

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
        public Void get() {
            return null;
        }

        @Override
        public Void get(long timeout, TimeUnit unit) {
            return null;
        }
    }
}
