if(MetricName = 'DCGM_FI_DEV_FB_USED', 1048576, 1) * Value
