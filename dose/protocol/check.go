package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"radagora/db"
	"radagora/dose"
	"radagora/finding"
	"radagora/ucum"
)

// check writes one dose check of an event.
func (e event) check(ctx context.Context, tx *db.Tx, siteID, study, kind string, c *dose.CheckJSON) error {
	_, err := tx.Exec(ctx, `insert into dose_protocol_check (site_id, study_uid, ordinal, kind, machine_id, protocol, day, started,
		dlp_set, dlp_value, dlp_estimate, dlp_exceeded, ctdivol_set, ctdivol_value, ctdivol_estimate, ctdivol_exceeded, reason, role, counted)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		siteID, study, e.ordinal, kind, e.key.Machine, e.key.Protocol, e.day, e.started,
		word(c.DLPConfigured), float(c.DLPValue), float(c.DLPEstimate), c.DLPExceeded,
		word(c.CTDIvolConfigured), float(c.CTDIvolValue), float(c.CTDIvolEstimate), c.CTDIvolExceeded, word(c.Reason), word(c.PersonRole), e.counted)
	return err
}

// float returns a number for statistics, nil if it is unknown.
func float(d *ucum.Decimal) *float64 {
	if d == nil {
		return nil
	}
	f := d.Float()
	return &f
}

// deref returns a number, 0 if it is unknown.
func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// How a dose check is set up for one quantity.
const (
	NotRecorded   = "not_recorded"   // no report tells of dose checks
	NotConfigured = "not_configured" // reports say so
	NotSent       = "not_sent"       // configured, and no report sends the value
	Configured    = "configured"
)

// A CheckValue is what a value of a dose check is set to, and how often.
type CheckValue struct {
	Value float64
	N     int // events
}

// A CheckGroup is the dose checks of one machine under one protocol.
type CheckGroup struct {
	Protocol string // "" for all protocols of the machine together
	Kind     string // alert, notification
	Quantity string // dlp, ctdivol
	Unit     string
	State    string
	Values   []CheckValue // the most frequent first
	Events   int          // of CT
	Recorded int          // of these, with this check
	Exceeded int
	NoReason int // exceeded, and no reason is recorded
}

// Typical returns the value that is set most often, and whether one is.
func (g CheckGroup) Typical() (float64, bool) {
	if len(g.Values) == 0 {
		return 0, false
	}
	return g.Values[0].Value, true
}

// A CheckRoom is how a machine is set up, beside the others.
type CheckRoom struct {
	Machine      string
	Examinations int          // studies with CT
	Exceeding    int          // of these, in which a value was exceeded
	Whole        []CheckGroup // alert and notification, DLP and CTDIvol
	Protocols    []CheckGroup
	Reasons      []Exceedance // the latest first
}

// An Exceedance is a forward estimate above a value that was set.
type Exceedance struct {
	Study, Day, Started, Protocol, Kind string
	Quantity, Unit                      string
	Value, Estimate                     float64
	Reason, Role                        string // "" if none is recorded
}

// PerThousand returns exceedances per thousand examinations.
func (c CheckRoom) PerThousand() float64 {
	if c.Examinations == 0 {
		return 0
	}
	return 1000 * float64(c.Exceeding) / float64(c.Examinations)
}

// checkRow is one row of the table.
type checkRow struct {
	Exceedance
	machine  string
	set      [2]string
	value    [2]*float64
	estimate [2]*float64
	exceeded [2]bool
	counted  bool // of a patient
}

// checkQuantities are what a dose check checks.
var checkQuantities = [2]struct{ code, unit string }{{"dlp", "mGy.cm"}, {"ctdivol", "mGy"}}

// Checks returns how dose checks of CT are set up, machine by machine, from a day to
// another, both included. Tests with phantoms tell how a machine is set up, and count as
// no exceedance.
func (r *Register) Checks(ctx context.Context, siteID, from, to string) ([]CheckRoom, error) {
	rooms := map[string]*CheckRoom{}
	events := map[[2]string]int{} // by machine and protocol
	_, err := db.List(ctx, r.DB, func(row *db.Rows) (struct{}, error) {
		var machine, protocol string
		var n, studies int
		if err := row.Scan(&machine, &protocol, &n, &studies); err != nil {
			return struct{}{}, err
		}
		if rooms[machine] == nil {
			rooms[machine] = &CheckRoom{Machine: machine}
		}
		events[[2]string{machine, protocol}] += n
		events[[2]string{machine, ""}] += n
		return struct{}{}, nil
	}, `select machine_id, protocol, sum(events), count(*) from dose_protocol_use where site_id = $1 and modality = 'CT' and day between $2 and $3
		group by machine_id, protocol`, siteID, from, to)
	if err != nil {
		return nil, err
	}
	if err := r.examined(ctx, siteID, from, to, rooms); err != nil {
		return nil, err
	}
	rows, err := db.List(ctx, r.DB, scanCheck, `select c.study_uid, c.kind, c.machine_id, c.protocol, c.day, c.started, c.dlp_set, c.dlp_value, c.dlp_estimate, c.dlp_exceeded,
		c.ctdivol_set, c.ctdivol_value, c.ctdivol_estimate, c.ctdivol_exceeded, c.reason, c.role, c.counted from dose_protocol_check c
		where c.site_id = $1 and c.day between $2 and $3 order by c.day desc, c.started desc, c.study_uid, c.ordinal, c.kind`, siteID, from, to)
	if err != nil {
		return nil, err
	}
	groups := map[string]map[groupKey]*CheckGroup{}
	exceeding := map[string]map[string]bool{}
	for _, row := range rows {
		room := rooms[row.machine]
		if room == nil {
			continue // cannot be: both are noted together
		}
		if groups[row.machine] == nil {
			groups[row.machine], exceeding[row.machine] = map[groupKey]*CheckGroup{}, map[string]bool{}
		}
		for i, q := range checkQuantities {
			for _, protocol := range slices.Compact([]string{"", row.Protocol}) {
				k := groupKey{protocol, row.Kind, q.code}
				g := groups[row.machine][k]
				if g == nil {
					g = &CheckGroup{Protocol: protocol, Kind: row.Kind, Quantity: q.code, Unit: q.unit}
					groups[row.machine][k] = g
				}
				g.add(row, i)
			}
			if row.exceeded[i] && row.counted {
				exceeding[row.machine][row.Study] = true
				x := row.Exceedance
				x.Quantity, x.Unit, x.Value, x.Estimate = q.code, q.unit, deref(row.value[i]), deref(row.estimate[i])
				room.Reasons = append(room.Reasons, x)
			}
		}
	}
	var out []CheckRoom
	for _, machine := range slices.Sorted(maps.Keys(rooms)) {
		room := rooms[machine]
		room.Exceeding = len(exceeding[machine])
		room.fill(groups[machine], events)
		out = append(out, *room)
	}
	return out, nil
}

// A groupKey names a group of a machine.
type groupKey struct{ protocol, kind, quantity string }

// examined counts the studies of CT of each machine.
func (r *Register) examined(ctx context.Context, siteID, from, to string, rooms map[string]*CheckRoom) error {
	_, err := db.List(ctx, r.DB, func(row *db.Rows) (struct{}, error) {
		var machine string
		var n int
		err := row.Scan(&machine, &n)
		if rooms[machine] != nil {
			rooms[machine].Examinations = n
		}
		return struct{}{}, err
	}, `select machine_id, count(distinct study_uid) from dose_protocol_use where site_id = $1 and modality = 'CT' and day between $2 and $3 and counted
		group by machine_id`, siteID, from, to)
	return err
}

// scanCheck reads a row.
func scanCheck(r *db.Rows) (c checkRow, err error) {
	return c, r.Scan(&c.Study, &c.Kind, &c.machine, &c.Protocol, &c.Day, &c.Started, &c.set[0], &c.value[0], &c.estimate[0], &c.exceeded[0],
		&c.set[1], &c.value[1], &c.estimate[1], &c.exceeded[1], &c.Reason, &c.Role, &c.counted)
}

// add counts a row.
func (g *CheckGroup) add(row checkRow, i int) {
	g.Recorded++
	state := NotConfigured
	switch {
	case row.value[i] != nil && row.set[i] != "no":
		state = Configured
		at := slices.IndexFunc(g.Values, func(v CheckValue) bool { return v.Value == *row.value[i] })
		if at < 0 {
			g.Values = append(g.Values, CheckValue{Value: *row.value[i]})
			at = len(g.Values) - 1
		}
		g.Values[at].N++
	case row.set[i] == "yes":
		state = NotSent
	case row.set[i] == "":
		state = NotRecorded
	}
	order := []string{"", NotRecorded, NotConfigured, NotSent, Configured}
	if slices.Index(order, state) > slices.Index(order, g.State) {
		g.State = state
	}
	if row.exceeded[i] && row.counted {
		g.Exceeded++
		if row.Reason == "" {
			g.NoReason++
		}
	}
}

// fill sorts the groups of a machine, and says what no report tells of.
func (c *CheckRoom) fill(groups map[groupKey]*CheckGroup, events map[[2]string]int) {
	for _, kind := range []string{"alert", "notification"} {
		for _, q := range checkQuantities {
			if groups[groupKey{"", kind, q.code}] == nil {
				c.Whole = append(c.Whole, CheckGroup{
					Kind: kind, Quantity: q.code, Unit: q.unit, State: NotRecorded, Events: events[[2]string{c.Machine, ""}],
				})
			}
		}
	}
	for _, g := range groups {
		slices.SortFunc(g.Values, func(a, b CheckValue) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
		g.Events = events[[2]string{c.Machine, g.Protocol}]
		if g.Protocol == "" {
			c.Whole = append(c.Whole, *g)
		} else {
			c.Protocols = append(c.Protocols, *g)
		}
	}
	order := func(a, b CheckGroup) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Quantity, b.Quantity))
	}
	slices.SortFunc(c.Whole, order)
	slices.SortFunc(c.Protocols, order)
}

// RuleCheck is the rule of findings about how dose checks are set up: of equipment, not
// of dose.
const RuleCheck = "dose.check_setup"

// CheckFinding is why the alert value of a machine is one.
type CheckFinding struct {
	Machine  string
	Quantity string
	Unit     string
	State    string  // NotConfigured or Configured
	Value    float64 // of this machine, 0 if it has none
	Others   float64 // median of the others
	N        int     // others with a value
}

// Odd returns the machines whose alert value is absent, or more than ratio times the
// median of those of the others. A machine that tells nothing of dose checks is none:
// nobody knows how it is set up. Where no other has a value there is nothing to compare.
func Odd(rooms []CheckRoom, ratio float64) []CheckFinding {
	var out []CheckFinding
	for _, q := range checkQuantities {
		for _, room := range rooms {
			var others []float64
			for _, other := range rooms {
				if v, ok := other.alert(q.code).Typical(); ok && other.Machine != room.Machine {
					others = append(others, v)
				}
			}
			g := room.alert(q.code)
			if len(others) == 0 || g.State != NotConfigured && g.State != Configured {
				continue
			}
			median := dose.Describe(others, 0).Median
			if v, ok := g.Typical(); !ok || v > ratio*median {
				out = append(out, CheckFinding{room.Machine, q.code, q.unit, g.State, v, median, len(others)})
			}
		}
	}
	return out
}

// alert returns how the alert of a machine is set up for a quantity.
func (c CheckRoom) alert(quantity string) CheckGroup {
	for _, g := range c.Whole {
		if g.Kind == "alert" && g.Quantity == quantity {
			return g
		}
	}
	return CheckGroup{State: NotRecorded}
}

// Judge derives the findings of a site about the last days. room tells where a machine
// stands.
func (r *Register) Judge(ctx context.Context, siteID, from, to string, room func(machine string) string) error {
	rules, err := LoadRules(r.Content, siteID)
	if err != nil {
		return err
	}
	rooms, err := r.Checks(ctx, siteID, from, to)
	if err != nil {
		return err
	}
	var found []finding.Derived
	for _, f := range Odd(rooms, rules.CheckRatio) {
		data, err := json.Marshal(f)
		if err != nil {
			return err
		}
		others := f.Others
		found = append(found, finding.Derived{
			Rule: RuleCheck, Code: f.State, Importance: 1, Data: data,
			Subject:   finding.Subject{Site: siteID, Room: room(f.Machine), Machine: f.Machine, Quantity: f.Quantity},
			Measured:  finding.Measured{Value: f.Value, Unit: f.Unit, N: f.N},
			Reference: finding.Reference{Value: &others, Unit: f.Unit, Set: rules.Ref.ID, Edition: rules.Ref.Edition, Digest: rules.Ref.Digest, Source: "dose.dosecheck.ratio"},
		})
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleCheck}, found, nil)
		return err
	})
}
