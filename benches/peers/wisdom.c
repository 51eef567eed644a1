/* Loaded into a program that plans with FFTW anew each time: plans are read from the file that FFTW_WISDOM names, or
 * written to it at the end where there is none yet. What later versions of BART do by themselves, where they are asked to. */
#include <stdlib.h>

int fftwf_init_threads(void);
int fftwf_import_wisdom_from_filename(const char *name);
int fftwf_export_wisdom_to_filename(const char *name);

static const char *missing;

__attribute__((constructor)) static void load(void)
{
	const char *name = getenv("FFTW_WISDOM");
	if (name == NULL)
		return;
	/* Wisdom of plans for threads is only read once there are threads. */
	fftwf_init_threads();
	if (!fftwf_import_wisdom_from_filename(name))
		missing = name;
}

__attribute__((destructor)) static void store(void)
{
	if (missing != NULL)
		fftwf_export_wisdom_to_filename(missing);
}
