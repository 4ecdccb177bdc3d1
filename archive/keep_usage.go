package archive

import (
	"context"
	"math"
	"slices"
	"time"

	"radagora/db"
)

// A Usage is what came on one day in one modality.
type Usage struct {
	Day      time.Time // at midnight UTC
	Modality string    // "" if it says none
	Bytes    int64
}

const day = 24 * time.Hour

// Usage returns what came day by day since a time, by modality. What was deleted since
// does not count.
func (a *Archive) Usage(ctx context.Context, since time.Time) ([]Usage, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (u Usage, err error) {
		var n int64
		err = r.Scan(&n, &u.Modality, &u.Bytes)
		u.Day = time.UnixMilli(n * day.Milliseconds()).UTC()
		return u, err
	}, `select received_at / 86400000, modality, sum(size_bytes) from series where received_at >= $1
		group by received_at / 86400000, modality order by 1, 2`, db.Millis(since))
}

// A Forecast says when the room will be used up.
type Forecast struct {
	N            int            // days it rests on; 0 if there are too few to say anything
	Daily        float64        // bytes a day
	Low, High    float64        // interval of that mean, 95 %
	Days         float64        // until the room is used up; +Inf if nothing comes
	Sooner, Late float64        // the same with the upper and the lower end of the interval
	Share        map[string]int // of the modalities, in per cent
}

// leastDays is how many days a forecast needs.
const leastDays = 7

// Foresee makes a forecast of what came up to now, for room of left bytes. The day of
// today is not over, and the first one may have begun late: both are left out.
func Foresee(all []Usage, now time.Time, left int64) Forecast {
	today := now.UTC().Truncate(day)
	perDay, of, total := map[time.Time]float64{}, map[string]float64{}, 0.0
	first := today
	for _, u := range all {
		if u.Day.Before(first) {
			first = u.Day
		}
	}
	for _, u := range all {
		if u.Day.After(first) && u.Day.Before(today) {
			perDay[u.Day] += float64(u.Bytes)
			of[u.Modality] += float64(u.Bytes)
			total += float64(u.Bytes)
		}
	}
	n := int(today.Sub(first)/day) - 1 // days without anything count
	if n < leastDays {
		return Forecast{N: 0}
	}
	mean := total / float64(n)
	var spread float64
	for d := first.Add(day); d.Before(today); d = d.Add(day) {
		spread += (perDay[d] - mean) * (perDay[d] - mean)
	}
	half := normal95 * math.Sqrt(spread/float64(n-1)/float64(n))
	f := Forecast{N: n, Daily: mean, Low: math.Max(0, mean-half), High: mean + half, Share: map[string]int{}}
	f.Days, f.Sooner, f.Late = lasts(left, f.Daily), lasts(left, f.High), lasts(left, f.Low)
	for m, b := range of {
		if total > 0 {
			f.Share[m] = int(math.Round(100 * b / total))
		}
	}
	return f
}

// normal95 bounds 95 % of a normal distribution.
const normal95 = 1.96

func lasts(left int64, daily float64) float64 {
	if daily <= 0 {
		return math.Inf(1)
	}
	return float64(left) / daily
}

// Modalities returns the modalities of the forecast, the largest share first.
func (f Forecast) Modalities() []string {
	var all []string
	for m := range f.Share {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b string) int {
		if f.Share[a] != f.Share[b] {
			return f.Share[b] - f.Share[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return all
}
