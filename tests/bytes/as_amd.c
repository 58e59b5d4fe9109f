/* What MKL, inside torch, asks to learn whose processor it runs on. Preloaded, these answer as if it were AMD's. */
int mkl_serv_intel_cpu_true(void) { return 0; }
int mkl_serv_intel_cpu(void) { return 0; }
int mkl_serv_cpuiszen(void) { return 1; }
