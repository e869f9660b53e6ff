"""scientific-computing, astronomy

From a comet's elements (perihelion distance, eccentricity, time of perihelion) compute its distance from the sun and
its angle from perihelion on given days. Eccentricities run from a circle to almost one, where careless calculation
fails to converge for days near perihelion; the result is wanted to ten digits. Use the Gaussian constant
0.01720209895.
"""

from math import atan2, cos, pi, sin, sqrt

GAUSS = 0.01720209895


def place(days: float, perihelion: float, eccentricity: float) -> tuple[float, float]:
    """Distance in astronomical units and angle in radians, from -pi to pi; `days` since perihelion."""
    axis = perihelion / (1 - eccentricity)
    mean = (GAUSS / axis**1.5 * days + pi) % (2 * pi) - pi
    anomaly = _eccentric(mean, eccentricity)
    angle = atan2(sqrt(1 - eccentricity**2) * sin(anomaly), cos(anomaly) - eccentricity)
    return axis * (1 - eccentricity * cos(anomaly)), angle


def _eccentric(mean: float, eccentricity: float) -> float:
    """Solves E - e sin E = M between bounds that always hold the solution."""
    low, high = mean - eccentricity, mean + eccentricity
    guess = mean
    for _ in range(200):
        error = guess - eccentricity * sin(guess) - mean
        low, high = (guess, high) if error < 0 else (low, guess)
        better = guess - error / (1 - eccentricity * cos(guess))
        better = better if low < better < high else (low + high) / 2
        if abs(better - guess) < 1e-15:
            break
        guess = better
    return guess
