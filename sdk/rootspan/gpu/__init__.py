"""GPUs: what NVML says of them as metrics, and time on the device by CUDA events."""

from rootspan.gpu.cuda_events import CudaClock, PhaseClock
from rootspan.gpu.sampler import GpuSampler
from rootspan.gpu.watch import watch

__all__ = ["CudaClock", "GpuSampler", "PhaseClock", "watch"]
