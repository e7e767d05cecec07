/* MKL takes a slow path on processors that are not Intel's. Loaded first (LD_PRELOAD), these two
   functions answer for it, so that PyTorch can be measured at its best as well. */
int mkl_serv_intel_cpu_true(void) { return 1; }
int mkl_serv_intel_cpu(void) { return 1; }
