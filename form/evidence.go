package form

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/evidence"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/ucum"
)

// Evidence computes facts of the evidence catalogue. *evidence.Registry does.
type Evidence interface {
	Value(ctx context.Context, id string, q evidence.Query) (evidence.Value, error)
}

// freshFor is how long what was measured is shown before it is measured again.
const freshFor = 10 * time.Minute

// measured is a fact with the time when it was asked for.
type measured struct {
	evidence.Value
	at time.Time
}

// byFact is by whom an answer was given that is what was measured.
const byFact = "evidence:"

// Measured reports whether an answer is what was measured, and by which fact.
func (a *Answer) Measured() (fact string, is bool) { return strings.CutPrefix(a.By, byFact) }

// factName finds how expressions name facts: %`dose.within_drl`.
var factName = regexp.MustCompile("%`([a-z][a-z0-9_]*\\.[a-z0-9_.]+)`")

// Facts returns the ids of the facts that a form names, sorted: those beside a question
// and those in expressions.
func (d *Definition) Facts() []string {
	names := map[string]bool{}
	in := func(x *fhirpath.Expression) {
		if x != nil {
			for _, m := range factName.FindAllStringSubmatch(x.String(), -1) {
				names[m[1]] = true
			}
		}
	}
	for _, v := range d.Variables {
		in(v.Expression)
	}
	for _, it := range d.byLink {
		if it.Fact != "" {
			names[it.Fact] = true
		}
		for _, x := range []*fhirpath.Expression{it.Calculated, it.InitialFrom, it.Enable, it.AnswersFrom} {
			in(x)
		}
		for _, v := range it.Variables {
			in(v.Expression)
		}
		for _, c := range it.Constraints {
			in(c.Expression)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Measured returns the facts that a form names, by id. What was asked for a short while
// ago is not computed again. A fact that the catalogue does not have is not connected.
func (d *Desk) Measured(ctx context.Context, siteID string, def *Definition) (map[string]evidence.Value, error) {
	all := map[string]evidence.Value{}
	for _, id := range def.Facts() {
		v, err := d.fact(ctx, siteID, id)
		if err != nil {
			return nil, err
		}
		all[id] = v
	}
	return all, nil
}

// fact returns one fact, from memory if it is fresh.
func (d *Desk) fact(ctx context.Context, siteID, id string) (evidence.Value, error) {
	now := d.Now()
	key := siteID + " " + id
	d.mu.Lock()
	kept, ok := d.measured[key]
	d.mu.Unlock()
	if ok && now.Before(kept.at.Add(freshFor)) {
		return kept.Value, nil
	}
	v := evidence.Value{ID: id, State: evidence.NotConnected}
	if d.Evidence != nil {
		var err error
		v, err = d.Evidence.Value(ctx, id, evidence.Query{Site: siteID})
		if fault.Of(err) == fault.NotFound {
			v, err = evidence.Value{ID: id, State: evidence.NotConnected}, nil
		}
		if err != nil {
			return v, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.measured == nil {
		d.measured = map[string]measured{}
	}
	d.measured[key] = measured{v, now}
	return v, nil
}

// measuredFor returns the facts of the form of a response.
func (d *Desk) measuredFor(ctx context.Context, siteID, id string) (map[string]evidence.Value, error) {
	var url, version string
	err := d.DB.QueryRow(ctx, `select url, version from form_response where site_id = $1 and response_id = $2`, siteID, id).Scan(&url, &version)
	if fault.Of(err) == fault.NotFound {
		return nil, fault.Errorf(fault.NotFound, "there is no response %s", cut(id))
	}
	if err != nil {
		return nil, err
	}
	def, _, err := d.Form(ctx, siteID, url, version)
	if err != nil {
		return nil, err
	}
	return d.Measured(ctx, siteID, def)
}

// withFacts lets expressions name facts. One without a value is empty.
func (d *Desk) withFacts(env fhirpath.Env, siteID string, def *Definition) fhirpath.Env {
	names := def.Facts()
	if len(names) == 0 {
		return env
	}
	env.Variables = maps.Clone(env.Variables)
	if env.Variables == nil {
		env.Variables = map[string]fhirpath.Collection{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range names {
		env.Variables[id] = nil
		kept, ok := d.measured[siteID+" "+id]
		if !ok || kept.State != evidence.Known {
			continue
		}
		if v, ok := fhirpath.Number(Shown(kept.Value)); ok && kept.Date == "" {
			env.Variables[id] = fhirpath.Collection{v}
		} else if v, ok := fhirpath.Moment(fhirpath.DateKind, kept.Date); ok {
			env.Variables[id] = fhirpath.Collection{v}
		}
	}
	return env
}

// Shown writes the value of a fact in its unit: shares in percent with one place, other
// numbers with four digits at most; of a flag its date.
func Shown(v evidence.Value) string {
	if v.Date != "" {
		return v.Date
	}
	n, places := v.Value, -1
	if v.Unit == "percent" {
		n, places = 100*n, 1
	}
	if places < 0 {
		if n == float64(int64(n)) {
			return strconv.FormatInt(int64(n), 10)
		}
		places = 2
	}
	return strconv.FormatFloat(n, 'f', places, 64)
}

// measured makes an answer of a fact, nil if it has no value or does not fit.
func (it *Item) measured(v evidence.Value) *Answer {
	if v.State != evidence.Known {
		return nil
	}
	text := Shown(v)
	a := &Answer{By: byFact + v.ID}
	number, err := ucum.ParseDecimal(text)
	switch {
	case it.Type == Date && v.Date != "", (it.Type == String || it.Type == Text):
		a.Name, a.Value = valueNames[it.Type][0], only(text)
	case it.Type == Boolean && v.Date != "":
		a.Name, a.Value = "valueBoolean", only(true)
	case err != nil:
		return nil
	case it.Type == Decimal:
		a.Name, a.Value = "valueDecimal", only(number)
	case it.Type == Integer && !strings.Contains(text, "."):
		a.Name, a.Value = "valueInteger", fhir.Number(text)
	case it.Type == Quantity:
		a.Name, a.Value = "valueQuantity", it.quantity(number, "")
	default:
		return nil
	}
	return a
}

// Agrees reports whether what people said of a question is what was measured; known is
// false where the two cannot be compared.
func (n *Node) Agrees(v evidence.Value) (agrees, known bool) {
	m := n.Item.measured(v)
	if m == nil || len(n.Answers) != 1 {
		return false, false
	}
	given, want := n.Answers[0].Value, m.Value
	if order, ok := compare(given, want); ok {
		return order == 0, true
	}
	return same(given, want), true
}

// Takes reports whether what was measured can answer the item.
func (it *Item) Takes(v evidence.Value) bool { return it.measured(v) != nil }
