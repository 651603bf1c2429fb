"""Moving values in space: smoothing, resampling, masks, regions and positions."""
