#ifndef SLUICE_CSYSTEM_H
#define SLUICE_CSYSTEM_H
#endif
