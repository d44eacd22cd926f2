-- Tells the time by the clock of Redis, which all programs share: the clocks of their machines may differ.

-- Returns a time in UTC as Python's `isoformat(timespec="milliseconds")` writes it: 2026-01-31T12:00:00.123+00:00.
-- The date is that of the Gregorian calendar, whose days are counted in years that begin in March: then the day that
-- leap years add is the last one.
local function iso_time(seconds, microseconds)
  local days = math.floor(seconds / 86400)
  local left = seconds - days * 86400
  local since = days + 719468
  local era = math.floor(since / 146097)
  local of_era = since - era * 146097
  local leaps = math.floor(of_era / 1460) - math.floor(of_era / 36524) + math.floor(of_era / 146096)
  local year_of_era = math.floor((of_era - leaps) / 365)
  local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
  local from_march = math.floor((5 * of_year + 2) / 153)
  local day = of_year - math.floor((153 * from_march + 2) / 5) + 1
  local month = from_march < 10 and from_march + 3 or from_march - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00', year, month, day, math.floor(left / 3600),
                       math.floor(left / 60) % 60, left % 60, math.floor(microseconds / 1000))
end

local clock = redis.call('TIME')
local seconds = tonumber(clock[1])
local milliseconds = seconds * 1000 + math.floor(tonumber(clock[2]) / 1000)
local now = iso_time(seconds, tonumber(clock[2]))

