package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
)

// A Side is one of two that are compared: a protocol, through a version or from a day to
// another.
type Side struct {
	Key
	Version  int    // 0: all of them
	From, To string // days; "" for no limit
}

// A Quantity is what the sides are compared by.
type Quantity struct {
	Code, Unit string
	column     string
}

// Quantities are what sides are compared by, in the order of the page. The last is no
// dose: a side of heavier patients needs more.
var Quantities = []Quantity{
	{"ctdivol", "mGy", "ctdivol_mgy"},
	{"dlp", "mGy.cm", "dlp_mgycm"},
	{"dap", "Gy.m2", "dap_gym2"},
	{"rp", "Gy", "rp_gy"},
	{"agd", "mGy", "agd_mgy"},
	{"weight", "kg", "weight_kg"},
}

// An Effect is the ratio of the medians of two sides: the second over the first.
type Effect struct {
	Quantity
	A, B     dose.Statistic
	Ratio    float64 // 0 if there is none
	Low      float64
	High     float64
	Interval bool // whether both sides have enough for one
}

// Certain reports whether the interval leaves out that nothing changed.
func (e Effect) Certain() bool { return e.Interval && (e.Low > 1 || e.High < 1) }

// Ratio returns the effect between the values of two sides. Its interval has at least
// the coverage: it is from the lowest of one to the highest of the other, of intervals
// of each median from order statistics (exact binomial) that each fail with half of what
// is left. It assumes nothing of how doses are distributed, and is wider than methods
// that do.
func Ratio(a, b []float64, coverage float64, least int) Effect {
	each := 1 - (1-coverage)/2
	e := Effect{A: dose.Describe(a, each), B: dose.Describe(b, each)}
	if e.A.N == 0 || e.B.N == 0 || e.A.Median <= 0 {
		return e
	}
	e.Ratio = e.B.Median / e.A.Median
	if e.A.Interval && e.B.Interval && e.A.Low > 0 && e.A.N >= least && e.B.N >= least {
		e.Low, e.High, e.Interval = e.B.Low/e.A.High, e.B.High/e.A.Low, true
	}
	return e
}

// A Row is one setting on both sides.
type Row struct {
	Setting
	A, B   []Value // the most frequent first
	Differ bool    // whether the sides have another value, or another choice of values
}

// A Comparison is two sides beside each other.
type Comparison struct {
	A, B    Side
	NA, NB  int // studies
	Rows    []Row
	Effects []Effect
}

// side is what was read of one.
type side struct {
	samples []sample
	values  map[string][]float64
}

// Compare sets two sides beside each other: every setting that one of them tells, and
// what each gave. NotFound: a version that is not there.
func (r *Register) Compare(ctx context.Context, siteID string, a, b Side) (Comparison, error) {
	c := Comparison{A: a, B: b}
	rules, err := LoadRules(r.Content, siteID)
	if err != nil {
		return c, err
	}
	if err := r.refresh(ctx, siteID); err != nil {
		return c, err
	}
	left, err := r.side(ctx, siteID, &c.A)
	if err != nil {
		return c, err
	}
	right, err := r.side(ctx, siteID, &c.B)
	if err != nil {
		return c, err
	}
	c.NA, c.NB = len(left.samples), len(right.samples)
	ca, cb := count(left.samples), count(right.samples)
	for _, s := range rules.Settings {
		row := Row{Setting: s, A: ca[s.Code], B: cb[s.Code]}
		if len(row.A)+len(row.B) > 0 {
			row.Differ = rules.differ(row.A, row.B)
			c.Rows = append(c.Rows, row)
		}
	}
	for _, q := range Quantities {
		e := Ratio(left.values[q.Code], right.values[q.Code], rules.Coverage, rules.EffectLeast)
		if e.Quantity = q; e.A.N+e.B.N > 0 {
			c.Effects = append(c.Effects, e)
		}
	}
	return c, nil
}

// differ reports whether two sides have another value of a setting: one that dominates
// is another, or is one only here.
func (r Rules) differ(a, b []Value) bool {
	return r.dominant(a) != r.dominant(b)
}

// dominant returns the value that nearly all have; of several that the machine chooses
// among, "…".
func (r Rules) dominant(values []Value) string {
	total := 0
	for _, v := range values {
		total += v.N
	}
	switch {
	case total == 0:
		return ""
	case float64(values[0].N) >= r.Dominant*float64(total):
		return values[0].Text
	}
	return "…"
}

// side reads one side, and fills in the days of its version.
func (r *Register) side(ctx context.Context, siteID string, s *Side) (side, error) {
	out := side{values: map[string][]float64{}}
	skip, limit := 0, math.MaxInt32
	if s.Version > 0 {
		all, err := db.List(ctx, r.DB, scanVersion, selectVersion+` where site_id = $1 and machine_id = $2 and protocol = $3 and type = $4 and version <= $5
			order by version`, siteID, s.Machine, s.Protocol, s.Type, s.Version)
		if err != nil {
			return out, err
		}
		if len(all) != s.Version {
			return out, fault.Errorf(fault.NotFound, "no version %d of this protocol", s.Version)
		}
		v := all[len(all)-1]
		for _, before := range all[:len(all)-1] {
			skip += before.N
		}
		limit = v.N
		if s.From == "" && s.To == "" {
			s.From, s.To = v.First, v.Last
		}
	}
	type read struct {
		sample
		values []*float64
	}
	all, err := db.List(ctx, r.DB, func(r *db.Rows) (x read, err error) {
		var settings string
		x.values = make([]*float64, len(Quantities))
		to := []any{&x.day, &x.modality, &settings}
		for i := range x.values {
			to = append(to, &x.values[i])
		}
		if err := r.Scan(to...); err != nil {
			return x, err
		}
		return x, json.Unmarshal([]byte(settings), &x.settings)
	}, `select day, modality, settings, ctdivol_mgy, dlp_mgycm, dap_gym2, rp_gy, agd_mgy, weight_kg from dose_protocol_use
		where site_id = $1 and machine_id = $2 and protocol = $3 and type = $4 and counted
		order by day, started, study_uid limit $5 offset $6`, siteID, s.Machine, s.Protocol, s.Type, limit, skip)
	if err != nil {
		return out, err
	}
	for _, x := range all {
		if x.day < s.From || s.To != "" && x.day > s.To {
			continue
		}
		out.samples = append(out.samples, x.sample)
		for i, q := range Quantities {
			if v := x.values[i]; v != nil {
				out.values[q.Code] = append(out.values[q.Code], *v)
			}
		}
	}
	return out, nil
}

// A ChangeEffect is what one change of a protocol did.
type ChangeEffect struct {
	Version
	Before  int // studies of the version before
	Effects []Effect
}

// Effects returns for every change of the protocols of a machine, or of all, what it did.
func (r *Register) Effects(ctx context.Context, siteID, machine string) ([]ChangeEffect, error) {
	all, err := r.Versions(ctx, siteID, machine)
	if err != nil {
		return nil, err
	}
	var out []ChangeEffect
	for i, v := range all {
		if v.Number == 1 {
			continue
		}
		c, err := r.Compare(ctx, siteID, Side{Key: v.Key, Version: v.Number - 1}, Side{Key: v.Key, Version: v.Number})
		if err != nil {
			return nil, err
		}
		out = append(out, ChangeEffect{v, all[i-1].N, c.Effects})
	}
	slices.SortStableFunc(out, func(a, b ChangeEffect) int { return cmp.Or(cmp.Compare(b.First, a.First), a.compare(b.Key)) })
	return out, nil
}

// Text writes values of a setting for people: one that dominates alone, else the most
// frequent with their share.
func Text(values []Value) string {
	total := 0
	for _, v := range values {
		total += v.N
	}
	out := ""
	for i, v := range values {
		if i == 3 {
			return out + ", …"
		}
		if i > 0 {
			out += ", "
		}
		out += v.Text
		if len(values) > 1 {
			out += " (" + strconv.Itoa(int(math.Round(100*float64(v.N)/float64(total)))) + " %)"
		}
	}
	return out
}
