package quality

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
)

// FlagOutlier is the flag of an examination whose dose is far from those of its device,
// protocol and size.
const FlagOutlier = "outlier"

// A Board is what is doubtful about the doses of a period.
type Board struct {
	dose.Period
	Counts       []Count        // by machine, flag and month
	Examinations map[string]int // of each machine
	Unmapped     map[string]int // of them, those nobody said the meaning of
	NoOutliers   int            // groups of device, protocol and size with too few examinations to name any
}

// A Count is how many studies or examinations of a machine bear a flag in a month.
type Count struct {
	Machine, Flag, Month string // 2006-01
	N                    int
}

// A Flagged is a study or examination that bears a flag.
type Flagged struct {
	Study, Examination string // "" of the study as a whole
	Machine, Flag, Day string
	N                  int     // how often
	Value, Typical     float64 // of an outlier, and the median of its like, in the unit of its quantity
	Quantity           dose.Quantity
}

// ID names the examination within the site.
func (f *Flagged) ID() string { return f.Study + "_" + f.Examination }

// A Filter chooses among what is flagged; "" chooses all.
type Filter struct{ Flag, Machine, Month string }

// Board counts what is doubtful in a period.
func (b *Bench) Board(ctx context.Context, siteID string, p dose.Period) (*Board, error) {
	all, few, err := b.flagged(ctx, siteID, p)
	if err != nil {
		return nil, err
	}
	out := &Board{Period: p, Examinations: map[string]int{}, Unmapped: map[string]int{}, NoOutliers: few}
	counts := map[Count]map[string]bool{}
	for _, f := range all {
		c := Count{Machine: f.Machine, Flag: f.Flag, Month: month(f.Day)}
		if counts[c] == nil {
			counts[c] = map[string]bool{}
		}
		counts[c][f.ID()] = true
	}
	for c, ids := range counts {
		c.N = len(ids)
		out.Counts = append(out.Counts, c)
	}
	slices.SortFunc(out.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Month, b.Month))
	})
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	_, err = db.List(ctx, b.DB, func(r *db.Rows) (struct{}, error) {
		var machine string
		var n, unmapped int
		err := r.Scan(&machine, &n, &unmapped)
		id := root(plan.Machine, machine)
		out.Examinations[id], out.Unmapped[id] = out.Examinations[id]+n, out.Unmapped[id]+unmapped
		return struct{}{}, err
	}, `select machine_id, count(*), sum(case when exam_code = '' and excluded <> 'not_patient' then 1 else 0 end) from dose_examination
		where site_id = $1 and day between $2 and $3 group by machine_id`, siteID, p.From, p.To)
	return out, err
}

// Flagged lists what bears a flag, the latest first, at most limit of it.
func (b *Bench) Flagged(ctx context.Context, siteID string, p dose.Period, f Filter, limit int) ([]Flagged, error) {
	all, _, err := b.flagged(ctx, siteID, p)
	if err != nil {
		return nil, err
	}
	hidden, err := b.hidden(ctx, siteID)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(x Flagged) bool {
		return hidden[x.Study] || f.Flag != "" && x.Flag != f.Flag || f.Machine != "" && x.Machine != f.Machine || f.Month != "" && month(x.Day) != f.Month
	})
	return all[:min(len(all), max(limit, 0))], nil
}

// hidden returns the studies of persons whose data are restricted: they count, and stand
// in no list.
func (b *Bench) hidden(ctx context.Context, siteID string) (map[string]bool, error) {
	list, err := db.List(ctx, b.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select s.study_uid from dose_study s where s.site_id = $1 and s.person <> '' and `+access.Wished("s.site_id", "s.person", access.Restricted), siteID)
	all := make(map[string]bool, len(list))
	for _, s := range list {
		all[s] = true
	}
	return all, err
}

// flagged returns all flags of a period, with outliers, and how many groups were too
// small for those.
func (b *Bench) flagged(ctx context.Context, siteID string, p dose.Period) ([]Flagged, int, error) {
	set, err := b.Settings(siteID)
	if err != nil {
		return nil, 0, err
	}
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, 0, err
	}
	var all []Flagged
	few := 0
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		if all, err = stored(ctx, tx, siteID, p); err != nil {
			return err
		}
		values, err := values(ctx, tx, siteID, p)
		if err != nil {
			return err
		}
		for i := range values {
			values[i].Machine = root(plan.Machine, values[i].Machine)
		}
		var out []Flagged
		out, few = outliers(values, set)
		all = slices.Concat(all, out)
		return nil
	})
	for i := range all {
		all[i].Machine = root(plan.Machine, all[i].Machine)
	}
	slices.SortStableFunc(all, func(a, b Flagged) int { return cmp.Compare(b.Day, a.Day) })
	return all, few, err
}

// stored returns the flags that were derived. Studies of persons whose data are
// restricted count as all others; whoever opens one is asked again.
func stored(ctx context.Context, tx *db.Tx, siteID string, p dose.Period) ([]Flagged, error) {
	return db.List(ctx, tx, func(r *db.Rows) (f Flagged, err error) {
		return f, r.Scan(&f.Study, &f.Examination, &f.Flag, &f.Machine, &f.Day, &f.N)
	}, `select study_uid, examination, flag, machine_id, day, n from dose_flag
		where site_id = $1 and day between $2 and $3 order by study_uid, examination, flag, machine_id`, siteID, p.From, p.To)
}

// A value is the dose of an examination, with what makes others like it.
type value struct {
	Flagged
	name string // protocol or procedure, as compared
	size string // band
}

// mainQuantity is what outliers are looked for in, by modality.
var mainQuantity = map[string]dose.Quantity{
	"CT": dose.QuantityDLP, "RF": dose.QuantityDAP, "DX": dose.QuantityDAP, "MG": dose.QuantityAGD, "NM": dose.QuantityActivity,
}

// values loads the doses of a period that count in medians.
func values(ctx context.Context, tx *db.Tx, siteID string, p dose.Period) ([]value, error) {
	all, err := db.List(ctx, tx, func(r *db.Rows) (v value, err error) {
		var modality string
		var months *int64
		var weight *float64
		err = r.Scan(&v.Study, &v.Examination, &v.Machine, &v.Day, &v.Quantity, &v.Value, &v.name, &modality, &months, &weight)
		v.Flag, v.N, v.size = FlagOutlier, 1, band(months, weight)
		if mainQuantity[modality] != v.Quantity {
			v.Value = 0
		}
		return v, err
	}, `select x.study_uid, x.examination, x.machine_id, x.day, a.quantity, a.value, x.name, x.modality, x.age_months, x.weight_kg
		from dose_examination x join dose_amount a on a.site_id = x.site_id and a.study_uid = x.study_uid and a.examination = x.examination
		where x.site_id = $1 and x.day between $2 and $3 and x.excluded = '' and a.quantity in ('dlp', 'dap', 'agd', 'activity')
		order by x.study_uid, x.examination`, siteID, p.From, p.To)
	return slices.DeleteFunc(all, func(v value) bool { return v.Value <= 0 }), err
}

// band returns the size band of a person: whole decades of kilograms, or else of years.
func band(months *int64, weight *float64) string {
	switch {
	case weight != nil && *weight > 0:
		return "kg" + strconv.Itoa(int(math.Min(*weight, 1000)/10))
	case months != nil:
		return "a" + strconv.FormatInt(*months/120, 10)
	}
	return "unknown"
}

// outliers returns the values that are further from the median of their like than so
// many median absolute deviations, on log dose; and how many groups are too small to
// tell. In a group without any spread nothing is an outlier.
func outliers(all []value, set Settings) (found []Flagged, few int) {
	groups := map[[4]string][]value{}
	for _, v := range all {
		k := [4]string{v.Machine, v.name, v.size, string(v.Quantity)}
		groups[k] = append(groups[k], v)
	}
	for _, g := range groups {
		if len(g) < set.MinN {
			few++
			continue
		}
		logs := make([]float64, len(g))
		for i, v := range g {
			logs[i] = math.Log(v.Value)
		}
		middle := median(logs)
		gaps := make([]float64, len(logs))
		for i, l := range logs {
			gaps[i] = math.Abs(l - middle)
		}
		spread := median(gaps)
		for i, v := range g {
			if spread > 0 && gaps[i] > set.Deviations*spread {
				v.Typical = math.Exp(middle)
				found = append(found, v.Flagged)
			}
		}
	}
	slices.SortFunc(found, func(a, b Flagged) int { return cmp.Compare(a.ID(), b.ID()) })
	return found, few
}

// median returns the median of values, of which there is one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return dose.Quantile(sorted, 0.5)
}

// month returns the month of a day, "" for none.
func month(day string) string {
	if len(day) < len("2006-01") {
		return ""
	}
	return day[:len("2006-01")]
}
