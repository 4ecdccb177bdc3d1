package quality

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

// A Proposal is an examination whose console values a test may compare.
type Proposal struct {
	ID       string // of the examination
	Readings []Reading
}

// What is compared of an examination besides quantities.
const (
	ReadEvents     = "events"     // how many irradiation events
	ReadProtocol   = "protocol"   // its name
	ReadLaterality = "laterality" // of a mammogram
	ReadWeight     = "weight"     // of the person
)

// display are the quantities of a test, and the unit in which consoles show them.
var display = []struct {
	quantity dose.Quantity
	unit     string
}{
	{dose.QuantityDLP, "mGy.cm"},
	{dose.QuantityCTDIvolMax, "mGy"},
	{dose.QuantityDAP, "Gy.cm2"},
	{dose.QuantityRP, "mGy"},
	{dose.QuantityFluoroTime, "s"},
	{dose.QuantityAGD, "mGy"},
	{dose.QuantityActivity, "MBq"},
}

// Propose returns examinations of a machine for its acceptance test, the latest ones of
// each protocol first, so that they cover the acquisitions that are used.
func (b *Bench) Propose(ctx context.Context, siteID, machine string, n int) ([]Proposal, error) {
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	m, ok := plan.Machine(machine)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no such machine")
	}
	hidden, err := b.hidden(ctx, siteID)
	if err != nil {
		return nil, err
	}
	type one struct{ study, key, name, started string }
	var all []one
	for _, id := range append([]string{m.ID}, m.Merged...) {
		part, err := db.List(ctx, b.DB, func(r *db.Rows) (x one, err error) {
			return x, r.Scan(&x.study, &x.key, &x.name, &x.started)
		}, `select study_uid, examination, name, started from dose_examination where site_id = $1 and machine_id = $2 and excluded not in ('identity', 'incomplete')
			order by day desc, started desc, study_uid, examination limit 300`, siteID, id)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	all = slices.DeleteFunc(all, func(x one) bool { return hidden[x.study] })
	slices.SortStableFunc(all, func(a, b one) int { return cmp.Compare(b.started, a.started) })
	rank, seen := make([]int, len(all)), map[string]int{}
	order := make([]int, len(all))
	for i, x := range all {
		rank[i], order[i] = seen[x.name], i
		seen[x.name]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	var ids []string
	for _, i := range order[:min(len(order), n)] {
		ids = append(ids, all[i].study+"_"+all[i].key)
	}
	return b.Readings(ctx, siteID, machine, ids)
}

// Readings returns what the program has of examinations of a machine, for a person to
// put the console values beside it. NotFound: one is of another machine, or there is
// none such.
func (b *Bench) Readings(ctx context.Context, siteID, machine string, ids []string) ([]Proposal, error) {
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	var all []Proposal
	for i, id := range ids {
		study, key, _ := strings.Cut(id, "_")
		s, err := b.Doses.Study(ctx, siteID, study)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(s.Items, func(x *dose.Item) bool { return x.Key == key })
		if at < 0 || root(plan.Machine, s.Items[at].Machine) != root(plan.Machine, machine) {
			return nil, fault.Errorf(fault.NotFound, "no such examination of this machine")
		}
		all = append(all, Proposal{ID: id, Readings: readings(s, s.Items[at], i+1)})
	}
	return all, nil
}

// readings returns what the program has of an examination.
func readings(s *dose.StoredStudy, x *dose.Item, ordinal int) []Reading {
	var types, sides []string
	events := 0
	for _, e := range s.Events {
		if e.Examination != x.Key {
			continue
		}
		events++
		if e.Type != nil && *e.Type != "" && !slices.Contains(types, *e.Type) {
			types = append(types, *e.Type)
		}
		if e.Laterality != nil && *e.Laterality != "" && !slices.Contains(sides, *e.Laterality) {
			sides = append(sides, *e.Laterality)
		}
	}
	slices.Sort(types)
	slices.Sort(sides)
	base := Reading{Ordinal: ordinal, Taken: cmp.Or(x.Started, x.Day), Name: x.Name, Types: strings.Join(types, " ")}
	var all []Reading
	add := func(quantity, unit, own string) {
		r := base
		r.Quantity, r.Unit, r.Own = quantity, unit, own
		all = append(all, r)
	}
	for _, q := range display {
		if a, ok := s.Amount(x.Key, q.quantity); ok {
			add(string(q.quantity), q.unit, shown(a.Value, a.Unit, q.unit))
		}
	}
	add(ReadEvents, "1", strconv.Itoa(events))
	add(ReadProtocol, "", x.Name)
	if len(sides) > 0 {
		add(ReadLaterality, "", strings.Join(sides, " "))
	}
	if x.Weight != nil {
		add(ReadWeight, "kg", number(*x.Weight))
	}
	return all
}

// shown writes a value in another unit.
func shown(v float64, from, to string) string {
	if from == to {
		return number(v)
	}
	f, err := ucum.Parse(from)
	if err != nil {
		return number(v)
	}
	t, err := ucum.Parse(to)
	if err != nil {
		return number(v)
	}
	factor, err := ucum.Factor(f, t)
	if err != nil {
		return number(v)
	}
	return number(v * factor.Float())
}

// number writes a value with at most nine significant digits, which is more than any
// console shows and hides what floating point leaves.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := max(0, 8-int(math.Floor(math.Log10(math.Abs(v)))))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
