package audit

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
)

// States of a cycle, in order.
const (
	Planned    = "planned"
	Defined    = "defined"
	Sampled    = "sampled"
	Collecting = "collecting"
	Analysed   = "analysed"
	Reported   = "reported"
	Acting     = "acting"
	ReauditDue = "reaudit_due"
	Reaudited  = "reaudited"
	Closed     = "closed"
)

// States returns them.
func States() []string {
	return []string{Planned, Defined, Sampled, Collecting, Analysed, Reported, Acting, ReauditDue, Reaudited, Closed}
}

// A Definition is what an audit holds cases against. It is frozen when it is made: a
// changed template makes another series.
type Definition struct {
	Template  Template
	Digest    string // of the template
	Direction string // Min, Max, Present: where the template leaves it to the site, as the site said
	Target    float64
	Method    string
	N         int    // cases wanted of a sample
	Evidence  string // whose cases are the frame, "" if somebody lists them
	From      string // first day of the window
	Until     string // last day
	Room      string // "" for all
	Double    bool   // every case is read by two people
	By        string
	At        time.Time
}

// A Frame is what the sample was drawn from.
type Frame struct {
	Cases     int
	Seed      uint64
	Digest    string // of the ids of the cases drawn, in order
	How       string // which computation of the evidence, "" if somebody listed the cases
	Content   []content.Ref
	Catalogue content.Ref
	At        time.Time
	By        string
}

// A Result is what came out.
type Result struct {
	Count
	Decision
	Corrected int // automatic verdicts that people corrected
	Agreement
	At time.Time
	By string
}

// A Cycle is one turn of an audit.
type Cycle struct {
	ID, Site   string
	Number     int64
	Series     string // id of the first cycle
	Follows    string // id of the cycle before, "" of the first
	TemplateID string
	Year       int
	State      string
	Lead       string // account
	ReauditDay string
	Record
}

// A Record is what a cycle has besides.
type Record struct {
	Title       map[string]string
	Reason      string // why it is planned
	PlannedBy   string
	PlannedAt   time.Time
	Definition  *Definition `json:",omitempty"`
	Frame       *Frame      `json:",omitempty"`
	Result      *Result     `json:",omitempty"`
	ReportedDay string      `json:",omitempty"` // on which the team saw it
	ReportedTo  string      `json:",omitempty"`
	Conclusion  string      `json:",omitempty"`
	ClosedDay   string      `json:",omitempty"`
	ClosedBy    string      `json:",omitempty"`
	ClosedWhy   string      `json:",omitempty"` // "" if the re-audit met the target
}

const selectCycle = `select cycle_id, site_id, number, series_id, follows, template_id, year, state, lead, reaudit_day, body from audit_cycle`

func scanCycle(r *db.Rows) (c Cycle, err error) {
	var body string
	if err := r.Scan(&c.ID, &c.Site, &c.Number, &c.Series, &c.Follows, &c.TemplateID, &c.Year, &c.State, &c.Lead, &c.ReauditDay, &body); err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(body), &c.Record)
}

// Cycles returns the register of a year, of all years if it is 0, the latest first.
func (d *Desk) Cycles(ctx context.Context, siteID string, year int) ([]Cycle, error) {
	if year == 0 {
		return db.List(ctx, d.DB, scanCycle, selectCycle+` where site_id = $1 order by number desc`, siteID)
	}
	return db.List(ctx, d.DB, scanCycle, selectCycle+` where site_id = $1 and year = $2 order by number desc`, siteID, year)
}

// Cycle returns one by its number. NotFound: there is none.
func (d *Desk) Cycle(ctx context.Context, siteID string, number int64) (Cycle, error) {
	return d.cycle(ctx, d.DB, siteID, number)
}

func (*Desk) cycle(ctx context.Context, q db.Querier, siteID string, number int64) (Cycle, error) {
	all, err := db.List(ctx, q, scanCycle, selectCycle+` where site_id = $1 and number = $2`, siteID, number)
	if err != nil {
		return Cycle{}, err
	}
	if len(all) == 0 {
		return Cycle{}, fault.Errorf(fault.NotFound, "no audit %d", number)
	}
	return all[0], nil
}

// Series returns the cycles of a series from the first on.
func (d *Desk) Series(ctx context.Context, siteID, series string) ([]Cycle, error) {
	return db.List(ctx, d.DB, scanCycle, selectCycle+` where series_id = $1 and site_id = $2 order by number`, series, siteID)
}

// insert writes a new cycle.
func (*Desk) insert(ctx context.Context, tx *db.Tx, c *Cycle) error {
	raw, err := json.Marshal(c.Record)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into audit_cycle (cycle_id, site_id, number, series_id, follows, template_id, year, state, lead, reaudit_day, body)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, c.Site, c.Number, c.Series, c.Follows, c.TemplateID, c.Year, c.State, c.Lead, c.ReauditDay, string(raw))
	return err
}

// save writes a cycle as it is now and notes in the journal what was done.
func (d *Desk) save(ctx context.Context, tx *db.Tx, c *Cycle, by, kind string, data map[string]any) error {
	raw, err := json.Marshal(c.Record)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update audit_cycle set state = $1, lead = $2, reaudit_day = $3, body = $4 where cycle_id = $5`, c.State, c.Lead, c.ReauditDay, string(raw), c.ID)
	if err != nil {
		return err
	}
	if data == nil {
		data = map[string]any{}
	}
	data["number"], data["state"] = c.Number, c.State
	return d.journalled(ctx, tx, c.Site, by, kind, c.ID, data)
}

// step changes a cycle that is in one of the states. Conflict: it is in another.
func (d *Desk) step(ctx context.Context, siteID, by string, number int64, kind string, from []string, do func(tx *db.Tx, c *Cycle) (map[string]any, error)) (c Cycle, err error) {
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if c, err = d.cycle(ctx, tx, siteID, number); err != nil {
			return err
		}
		if !slices.Contains(from, c.State) {
			return fault.Errorf(fault.Conflict, "audit %d is %s: this can be done while it is %s", number, c.State, joined(from))
		}
		data, err := do(tx, &c)
		if err != nil {
			return err
		}
		return d.save(ctx, tx, &c, by, kind, data)
	})
	return c, err
}

// joined names states.
func joined(states []string) (s string) {
	for i, one := range states {
		if i > 0 {
			s += " or "
		}
		s += one
	}
	return s
}

// A Plan is an audit that is to be.
type Plan struct {
	Template string
	Lead     string // account
	Reason   string
	Year     int // 0: this one
}

// Plan puts an audit into the register. Invalid: topic, lead or reason is missing.
func (d *Desk) Plan(ctx context.Context, siteID, by string, p Plan) (Cycle, error) {
	t, err := d.Template(ctx, siteID, p.Template)
	if err != nil {
		return Cycle{}, err
	}
	if err := text("lead", p.Lead, maxShort, true); err != nil {
		return Cycle{}, err
	}
	if err := text("reason", p.Reason, maxText, true); err != nil {
		return Cycle{}, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return Cycle{}, err
	}
	now, _ := strconv.Atoi(today[:4])
	p.Year = cmp.Or(p.Year, now)
	if p.Year < now-1 || p.Year > now+5 {
		return Cycle{}, fault.Errorf(fault.Invalid, "year: from %d to %d", now-1, now+5)
	}
	c := Cycle{
		ID: db.NewID(), Site: siteID, TemplateID: t.ID, Year: p.Year, State: Planned, Lead: p.Lead,
		Record: Record{Title: t.Titles, Reason: p.Reason, PlannedBy: by, PlannedAt: d.Now()},
	}
	c.Series = c.ID
	err = d.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if c.Number, err = next(ctx, tx, "audit_cycle", siteID); err != nil {
			return err
		}
		if err := d.insert(ctx, tx, &c); err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.cycle.planned", c.ID, map[string]any{"number": c.Number, "template": t.ID, "year": c.Year})
	})
	return c, err
}

// Define freezes what a planned audit holds cases against. What is left out of def comes
// from the template. Invalid: there is no target, or something cannot be.
func (d *Desk) Define(ctx context.Context, siteID, by string, number int64, def Definition, target *float64) (Cycle, error) {
	c, err := d.Cycle(ctx, siteID, number)
	if err != nil {
		return c, err
	}
	if def.Template, err = d.Template(ctx, siteID, c.TemplateID); err != nil {
		return c, err
	}
	def.Digest, def.By, def.At = def.Template.Digest(), by, d.Now()
	if err := d.completed(ctx, siteID, &def, target); err != nil {
		return c, err
	}
	return d.step(ctx, siteID, by, number, "audit.cycle.defined", []string{Planned, Defined}, func(_ *db.Tx, c *Cycle) (map[string]any, error) {
		c.State, c.Definition = Defined, &def
		return map[string]any{"template": def.Template.ID, "digest": def.Digest, "method": def.Method, "target": def.Target, "evidence": def.Evidence}, nil
	})
}

// completed fills a definition in from its template and refuses what cannot be.
func (d *Desk) completed(ctx context.Context, siteID string, def *Definition, target *float64) error {
	t := &def.Template
	if err := def.aim(target); err != nil {
		return err
	}
	if def.Method == "" {
		def.Method = Random
		if t.Census {
			def.Method = Census
		}
	}
	if !slices.Contains(Methods(), def.Method) {
		return fault.Errorf(fault.Invalid, "method: one of census, consecutive, random, stratified")
	}
	if def.Method != Census {
		if def.N = cmp.Or(def.N, t.SampleN); def.N < 1 || def.N > maxCases {
			return fault.Errorf(fault.Invalid, "a sample of 1 to %d cases is needed; \"radagora audit size\" advises", maxCases)
		}
	}
	if def.Evidence != "" {
		if err := d.countable(def.Evidence, t); err != nil {
			return err
		}
	}
	return d.window(ctx, siteID, def)
}

// aim sets direction and target.
func (def *Definition) aim(target *float64) error {
	t := &def.Template
	switch t.Direction {
	case Min, Max, Present:
		if def.Direction != "" && def.Direction != t.Direction {
			return fault.Errorf(fault.Invalid, "the direction of template %s is %s", t.ID, t.Direction)
		}
		def.Direction = t.Direction
	case Rules: // each rule is a case, and all of them are to hold
		def.Direction, def.Target = Min, 1
		return nil
	default:
		if def.Direction != Min && def.Direction != Max {
			return fault.Errorf(fault.Invalid, "template %s leaves the standard to the site: say the direction, min or max, and the target", t.ID)
		}
	}
	switch {
	case target != nil:
		def.Target = *target
	case t.HasTarget:
		def.Target = t.Target
	default:
		return fault.Errorf(fault.Invalid, "an audit without a target cannot start: give a target from 0 to 1, 0.95 for 95 %%")
	}
	if !share(def.Target) {
		return fault.Errorf(fault.Invalid, "target: a share from 0 to 1 is needed, 0.95 for 95 %%")
	}
	return nil
}

// countable refuses evidence that is not the template's, is not connected or has no cases.
func (d *Desk) countable(id string, t *Template) error {
	def, ok := d.Evidence.Definition(id)
	switch {
	case !ok || !slices.Contains(t.Evidence, id):
		return fault.Errorf(fault.Invalid, "evidence %.80q is not what template %s asks: %v", id, t.ID, t.Evidence)
	case !d.Evidence.Connected(id):
		return fault.Errorf(fault.Unavailable, "evidence %s is not connected: leave it out and list the cases by hand", id)
	case def.Kind != evidence.Share && def.Kind != evidence.Rate:
		return fault.Errorf(fault.Invalid, "evidence %s is a %s and has no cases with a verdict: leave it out and list the cases by hand", id, def.Kind)
	}
	return nil
}

// window fills the days in, and refuses a window that cannot be.
func (d *Desk) window(ctx context.Context, siteID string, def *Definition) error {
	today, err := d.today(ctx, siteID)
	if err != nil {
		return err
	}
	if def.Until == "" {
		def.Until = today
	}
	if err := date("last day", def.Until); err != nil {
		return err
	}
	if def.From == "" {
		days := 365
		if fact, ok := d.Evidence.Definition(def.Evidence); ok && fact.Window.Days() > 0 {
			days = fact.Window.Days()
		}
		until, _ := time.Parse(time.DateOnly, def.Until)
		def.From = until.AddDate(0, 0, 1-days).Format(time.DateOnly)
	}
	if err := date("first day", def.From); err != nil {
		return err
	}
	if def.From > def.Until || def.Until > today {
		return fault.Errorf(fault.Invalid, "the window runs from a day to the same or a later one, and not beyond today")
	}
	return text("room", def.Room, maxShort, false)
}

// A Case is one of a sample.
type Case struct {
	Ordinal   int
	ID        string
	Room      string
	Day       string
	Object    string
	Automatic string // yes, no, "" where the evidence has no verdict
	Settled   string
	SettledBy string
	Reason    string // why it failed
	Harm      int
	ClosedBy  string
	Answers   []Answer
}

// query is the question a definition asks of the evidence.
func (d *Desk) query(ctx context.Context, siteID string, def *Definition) (evidence.Query, error) {
	here, err := d.Site(ctx, siteID)
	if err != nil {
		return evidence.Query{}, err
	}
	from, err := time.ParseInLocation(time.DateOnly, def.From, here.Location())
	if err != nil {
		return evidence.Query{}, err
	}
	until, err := time.ParseInLocation(time.DateOnly, def.Until, here.Location())
	return evidence.Query{Site: siteID, Stratum: evidence.Stratum{Room: def.Room}, From: from, Until: until.AddDate(0, 0, 1)}, err
}

// Frame returns the cases that evidence counts for a definition. Exhausted: too many.
func (d *Desk) Frame(ctx context.Context, siteID string, def *Definition) ([]evidence.Case, error) {
	q, err := d.query(ctx, siteID, def)
	if err != nil {
		return nil, err
	}
	var all []evidence.Case
	for c, err := range d.Evidence.Cases(ctx, def.Evidence, q) {
		if err != nil {
			return nil, err
		}
		if len(all) == maxFrame {
			return nil, fault.Errorf(fault.Exhausted, "more than %d cases: choose a shorter window or a room", maxFrame)
		}
		all = append(all, c)
	}
	return all, nil
}

// Draw draws the sample of a defined audit and freezes it with its seed and digest. The
// frame are the cases of the evidence, or what somebody lists. A nil seed is drawn.
func (d *Desk) Draw(ctx context.Context, siteID, by string, number int64, listed []string, seed *uint64) (Cycle, error) {
	c, err := d.Cycle(ctx, siteID, number)
	if err != nil {
		return c, err
	}
	if c.Definition == nil || c.State != Defined {
		return c, fault.Errorf(fault.Conflict, "audit %d is %s: a sample is drawn once it is defined, and only once", number, c.State)
	}
	f := Frame{At: d.Now(), By: by}
	frame, err := d.framed(ctx, siteID, c.Definition, listed, &f)
	if err != nil {
		return c, err
	}
	if seed != nil {
		f.Seed = *seed
	} else if err := binary.Read(d.Random, binary.BigEndian, &f.Seed); err != nil {
		return c, err
	}
	f.Cases = len(frame)
	drawn := Draw(frame, c.Definition.Method, c.Definition.N, f.Seed)
	if len(drawn) > maxCases {
		return c, fault.Errorf(fault.Exhausted, "more than %d cases in one audit: choose a shorter window, a room or a sample", maxCases)
	}
	f.Digest = caseDigest(drawn)
	return d.step(ctx, siteID, by, number, "audit.cycle.sampled", []string{Defined}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		c.State, c.Frame = Sampled, &f
		for i, x := range drawn {
			if err := insertCase(ctx, tx, c, i+1, x); err != nil {
				return nil, err
			}
		}
		return map[string]any{"frame": f.Cases, "drawn": len(drawn), "seed": strconv.FormatUint(f.Seed, 10), "digest": f.Digest}, nil
	})
}

// framed gathers the cases to draw from.
func (d *Desk) framed(ctx context.Context, siteID string, def *Definition, listed []string, f *Frame) ([]evidence.Case, error) {
	if def.Evidence == "" {
		return list(listed)
	}
	if len(listed) > 0 {
		return nil, fault.Errorf(fault.Invalid, "the cases come from evidence %s: list none", def.Evidence)
	}
	q, err := d.query(ctx, siteID, def)
	if err != nil {
		return nil, err
	}
	v, err := d.Evidence.Value(ctx, def.Evidence, q)
	if err != nil {
		return nil, err
	}
	f.How, f.Content, f.Catalogue = v.Provenance.How, v.Provenance.Content, v.Provenance.Catalogue
	return d.Frame(ctx, siteID, def)
}

// list makes cases of what somebody listed: one number, room or document a line.
func list(names []string) ([]evidence.Case, error) {
	if len(names) == 0 {
		return nil, fault.Errorf(fault.Invalid, "no evidence has the cases of this audit: list them, one a line")
	}
	if len(names) > maxCases {
		return nil, fault.Errorf(fault.Exhausted, "more than %d cases", maxCases)
	}
	seen := map[string]bool{}
	all := make([]evidence.Case, 0, len(names))
	for i, name := range names {
		if err := text("case "+strconv.Itoa(i+1), name, maxShort, true); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fault.Errorf(fault.Invalid, "case %d is listed twice", i+1)
		}
		seen[name] = true
		all = append(all, evidence.Case{ID: name})
	}
	return all, nil
}

// caseDigest is the digest of the ids of cases in their order.
func caseDigest(all []evidence.Case) string {
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	raw, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings
	}
	return digest(raw)
}

// insertCase writes a case of the sample.
func insertCase(ctx context.Context, tx *db.Tx, c *Cycle, ordinal int, x evidence.Case) error {
	day, auto := "", ""
	if !x.At.IsZero() {
		day = x.At.Format(time.DateOnly)
	}
	if c.Definition.Evidence != "" {
		auto = No
		if x.Counted {
			auto = Yes
		}
	}
	_, err := tx.Exec(ctx, `insert into audit_case (cycle_id, ordinal, site_id, case_id, room, day, object, automatic, settled, settled_by, reason, harm, closed_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', 0, '')`, c.ID, ordinal, c.Site, x.ID, x.Room, day, x.Object, auto)
	return err
}
