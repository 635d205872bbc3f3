/* nbody [N]: the sun and the four giant planets, N steps of a hundredth of a year each; prints the energy of the system
   before and after, which an exact integration would keep. Lengths are in astronomical units, times in years. */
#include <emmintrin.h>
#include <stdio.h>
#include <stdlib.h>

#define PI 3.141592653589793
#define SOLAR_MASS (4 * PI * PI)
#define DAYS 365.24

enum { BODIES = 5 };

struct body {
  double position[3];
  double velocity[3];
  double mass;
};

/* Heliocentric, at the epoch that the computer language benchmarks use. */
static struct body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, SOLAR_MASS},
    /* Jupiter */
    {{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01},
     {1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS, -6.90460016972063023e-05 * DAYS},
     9.54791938424326609e-04 * SOLAR_MASS},
    /* Saturn */
    {{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01},
     {-2.76742510726411899e-03 * DAYS, 4.99852801234917238e-03 * DAYS, 2.30417297573763929e-05 * DAYS},
     2.85885980666130812e-04 * SOLAR_MASS},
    /* Uranus */
    {{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01},
     {2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS, -2.96589568540237556e-05 * DAYS},
     4.36624404335156298e-05 * SOLAR_MASS},
    /* Neptune */
    {{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01},
     {2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS, -9.51592254519715870e-05 * DAYS},
     5.15138902046611451e-05 * SOLAR_MASS},
};

/** SQRTSD, without a call of libm for the case of a negative number. */
static double square_root(double x) {
  __m128d value = _mm_set_sd(x);
  return _mm_cvtsd_f64(_mm_sqrt_sd(value, value));
}

static double dot(const double left[3], const double right[3]) {
  return left[0] * right[0] + left[1] * right[1] + left[2] * right[2];
}

static void subtract(double difference[3], const double left[3], const double right[3]) {
  for (int axis = 0; axis < 3; axis++) difference[axis] = left[axis] - right[axis];
}

/** Gives the sun the velocity that makes the total momentum zero. */
static void hold_centre_of_mass(void) {
  for (int axis = 0; axis < 3; axis++) {
    double momentum = 0;
    for (int i = 1; i < BODIES; i++) momentum += bodies[i].velocity[axis] * bodies[i].mass;
    bodies[0].velocity[axis] = -momentum / SOLAR_MASS;
  }
}

static double energy(void) {
  double total = 0;
  for (int i = 0; i < BODIES; i++) {
    total += 0.5 * bodies[i].mass * dot(bodies[i].velocity, bodies[i].velocity);
    for (int j = i + 1; j < BODIES; j++) {
      double between[3];
      subtract(between, bodies[i].position, bodies[j].position);
      total -= bodies[i].mass * bodies[j].mass / square_root(dot(between, between));
    }
  }
  return total;
}

/** Velocities by the forces at the old positions, then positions by the new velocities. */
static void step(double duration) {
  for (int i = 0; i < BODIES; i++) {
    for (int j = i + 1; j < BODIES; j++) {
      double between[3];
      subtract(between, bodies[i].position, bodies[j].position);
      double square = dot(between, between);
      double pull = duration / (square * square_root(square));
      for (int axis = 0; axis < 3; axis++) {
        bodies[i].velocity[axis] -= between[axis] * bodies[j].mass * pull;
        bodies[j].velocity[axis] += between[axis] * bodies[i].mass * pull;
      }
    }
  }
  for (int i = 0; i < BODIES; i++)
    for (int axis = 0; axis < 3; axis++) bodies[i].position[axis] += duration * bodies[i].velocity[axis];
}

int main(int argc, char **argv) {
  unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 50000;
  hold_centre_of_mass();
  printf("%.9f\n", energy());
  for (unsigned long i = 0; i < steps; i++) step(0.01);
  printf("%.9f\n", energy());
  return 0;
}
