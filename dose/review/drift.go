package review

import (
	"context"
	"math"
	"slices"

	"radagora/db"
	"radagora/dose"
)

// A Point is one examination of a control chart.
type Point struct {
	Day     string
	Study   string
	Key     string
	Value   float64
	Average float64 // exponentially weighted, back from the logarithm
	Low     float64 // control limits of the average
	High    float64
	Drift   bool // the average is beyond a limit
}

// A Chart watches the doses of one examination on one machine: an exponentially
// weighted moving average of log dose (Roberts 1959), beside limits about where it
// began.
type Chart struct {
	Machine, Exam string
	Quantity      dose.Quantity
	Unit          string
	Start         float64 // median of the first examinations
	Spread        float64 // of log dose, robust: 1.4826 times their median absolute deviation
	Learnt        int     // examinations that start and spread are of
	Points        []Point
	Enough        bool // whether there are more than those
}

// Drifting returns the first point of the run beyond a limit that lasts to the end,
// and whether there is one.
func (c *Chart) Drifting() (Point, bool) {
	var first Point
	found := false
	for _, p := range slices.Backward(c.Points) {
		if !p.Drift {
			break
		}
		first, found = p, true
	}
	return first, found
}

// robust makes a median absolute deviation one of a normal distribution.
const robust = 1.4826

// Control makes the chart of doses in the order of time. The first learn of them say
// where it begins; without more than those there is no chart. Values that are not above
// 0 are left out.
func Control(points []Point, learn int, weight, limit float64) Chart {
	c := Chart{Learnt: learn}
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !(p.Value > 0) })
	c.Points = points
	if len(points) <= learn || learn < 2 {
		return c
	}
	logs := make([]float64, len(points))
	for i, p := range points {
		logs[i] = math.Log(p.Value)
	}
	centre := middle(logs[:learn])
	off := make([]float64, learn)
	for i := range off {
		off[i] = math.Abs(logs[i] - centre)
	}
	c.Start, c.Spread, c.Enough = math.Exp(centre), robust*middle(off), true
	average := centre
	for i := range points {
		average = weight*logs[i] + (1-weight)*average
		half := limit * c.Spread * math.Sqrt(weight/(2-weight)*(1-math.Pow(1-weight, 2*float64(i+1))))
		p := &points[i]
		p.Average, p.Low, p.High = math.Exp(average), math.Exp(centre-half), math.Exp(centre+half)
		p.Drift = c.Spread > 0 && i >= learn && (p.Average < p.Low || p.Average > p.High)
	}
	return c
}

// middle returns the median of values.
func middle(values []float64) float64 {
	x := slices.Sorted(slices.Values(values))
	return dose.Quantile(x, 0.5)
}

// chartPoints is how many examinations one chart is made of at most, the latest.
const chartPoints = 2000

// Chart makes the control chart of an examination on a machine since a day.
func (d *Desk) Chart(ctx context.Context, siteID, machine, exam string, q dose.Quantity, since string) (Chart, error) {
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return Chart{}, err
	}
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (p Point, err error) { return p, r.Scan(&p.Day, &p.Study, &p.Key, &p.Value) },
		`select a.day, a.study_uid, a.examination, a.value from dose_amount a join dose_examination x
		on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
		where a.site_id = $1 and a.exam_code = $2 and a.machine_id = $3 and a.quantity = $4 and a.excluded = '' and a.day >= $5
		order by a.day desc, x.started desc, a.study_uid desc, a.examination desc limit $6`, siteID, exam, machine, string(q), since, chartPoints)
	if err != nil {
		return Chart{}, err
	}
	slices.Reverse(all)
	c := Control(all, s.DriftMinN, s.DriftWeight, s.DriftLimit)
	c.Machine, c.Exam, c.Quantity, c.Unit = machine, exam, q, dose.QuantityUnit(q)
	return c, nil
}

// A Watched is a pair of machine and examination that has enough for a chart.
type Watched struct {
	Machine, Exam string
	Quantity      dose.Quantity
	N             int
}

// Watched returns what charts can be made of, the largest first.
func (d *Desk) Watched(ctx context.Context, siteID, since string) ([]Watched, error) {
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return nil, err
	}
	return db.List(ctx, d.DB, func(r *db.Rows) (w Watched, err error) {
		return w, r.Scan(&w.Machine, &w.Exam, &w.Quantity, &w.N)
	}, `select machine_id, exam_code, quantity, count(*) from dose_amount
		where site_id = $1 and quantity in ('dlp', 'dap', 'agd', 'activity') and excluded = '' and exam_code <> '' and day >= $2
		group by machine_id, exam_code, quantity having count(*) > $3 order by 4 desc, 1, 2, 3 limit 200`, siteID, since, s.DriftMinN)
}
