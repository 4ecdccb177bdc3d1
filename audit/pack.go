package audit

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
)

// Law is the content set of the duties.
const Law = "law/duty"

// A Duty is one of law with what stands for it at a site.
type Duty struct {
	ID, Law, Number string // Number is that of the act of law
	Article         string
	Verified        bool
	Parties         []string // whose duty it is, as codes
	Requirement     map[string]string
	National        string // article of national law, as the site typed it
	Answers         string // function of who answers for it
	Note            string
	Status          string
	Facts           []Fact
	Audits          []DutyAudit
	Gaps            []string // codes: what is missing
}

// States of a duty in a pack.
const (
	Shown    = "shown"    // evidence or an audit within the year, and no gap
	Gap      = "gap"      // something is missing or was not met
	Declared = "declared" // the site says so, and nothing proves it
	Open     = "open"     // nothing is there
)

// Gaps of a duty.
const (
	GapNational  = "national"  // no national article is typed
	GapAnswers   = "answers"   // nobody is named who answers
	GapEvidence  = "evidence"  // evidence is not connected
	GapNothing   = "nothing"   // evidence is connected and has nothing to count
	GapAudit     = "audit"     // none of its audits has a result within a year
	GapNotMet    = "not_met"   // the latest result of an audit did not meet the target
	GapActions   = "actions"   // an action is overdue
	GapConfirmed = "confirmed" // the article is to be confirmed
)

// A Fact is a value of evidence as of a day.
type Fact struct {
	ID      string
	State   string
	Kind    string
	Unit    string
	Value   float64
	N       int
	K       float64 // numerator
	Of      float64 // denominator
	Date    string
	From    string
	Until   string
	How     string
	Content []content.Ref `json:",omitempty"`
}

// A DutyAudit is the latest cycle of a template that serves a duty.
type DutyAudit struct {
	Template string
	Number   int64
	State    string
	Decision string
	Yes, N   int
	Census   bool
	Low      float64
	High     float64
	Interval bool
	On       string // day of the analysis
	Open     int    // actions that are open
	Overdue  int
}

// SayDuty notes the national article of a duty and who answers for it. NotFound: there
// is no such duty.
func (d *Desk) SayDuty(ctx context.Context, siteID, by, id, national, answers, note string) error {
	duties, err := d.duties(siteID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(duties, func(x Duty) bool { return x.ID == id }) {
		return fault.Errorf(fault.NotFound, "no duty %.20q", id)
	}
	for _, f := range []struct{ what, value string }{{"national article", national}, {"who answers", answers}, {"note", note}} {
		if err := text(f.what, f.value, maxText, false); err != nil {
			return err
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into audit_duty (site_id, duty_id, national, answers, note, made_by, made_at) values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (site_id, duty_id) do update set national = excluded.national, answers = excluded.answers, note = excluded.note, made_by = excluded.made_by, made_at = excluded.made_at`,
			siteID, id, national, answers, note, by, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.duty.said", id, map[string]any{"national": national != "", "answers": answers != ""})
	})
}

// duties reads those of the content.
func (d *Desk) duties(siteID string) ([]Duty, error) {
	laws, err := d.Content.Table(siteID, Law, "laws")
	if err != nil {
		return nil, err
	}
	numbers := map[string]string{}
	for row := range laws.All() {
		numbers[row.Text("law")] = row.Text("number")
	}
	table, err := d.Content.Table(siteID, Law, "duties")
	if err != nil {
		return nil, err
	}
	return content.Collect(table, func(r *content.Row) Duty {
		x := Duty{
			ID: r.Text("id"), Law: r.Text("law"), Number: numbers[r.Text("law")], Article: r.Text("article"), Verified: r.Yes("verified"),
			Parties: r.List("duty_of"), Requirement: map[string]string{},
		}
		for _, language := range []string{"en", "de", "fr"} {
			x.Requirement[language] = r.Text("requirement_" + language)
		}
		for _, id := range r.List("evidence") {
			x.Facts = append(x.Facts, Fact{ID: id})
		}
		for _, id := range r.List("audit") {
			x.Audits = append(x.Audits, DutyAudit{Template: id})
		}
		return x
	})
}

// Duties returns every duty with evidence as of now, the audits of the last year, and
// what is missing. It holds counts alone.
func (d *Desk) Duties(ctx context.Context, siteID string) ([]Duty, error) {
	all, err := d.duties(siteID)
	if err != nil {
		return nil, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return nil, err
	}
	type said struct{ id, national, answers, note string }
	typed := map[string]said{}
	_, err = db.List(ctx, d.DB, func(r *db.Rows) (s said, err error) {
		err = r.Scan(&s.id, &s.national, &s.answers, &s.note)
		typed[s.id] = s
		return s, err
	}, `select duty_id, national, answers, note from audit_duty where site_id = $1`, siteID)
	if err != nil {
		return nil, err
	}
	cycles, err := d.Cycles(ctx, siteID, 0)
	if err != nil {
		return nil, err
	}
	for i := range all {
		x := &all[i]
		x.National, x.Answers, x.Note = typed[x.ID].national, typed[x.ID].answers, typed[x.ID].note
		for j := range x.Facts {
			if x.Facts[j], err = d.fact(ctx, siteID, x.Facts[j].ID); err != nil {
				return nil, err
			}
		}
		for j := range x.Audits {
			if x.Audits[j], err = d.latest(ctx, cycles, x.Audits[j].Template, today); err != nil {
				return nil, err
			}
		}
		x.judge(today)
	}
	return all, nil
}

// fact computes evidence.
func (d *Desk) fact(ctx context.Context, siteID, id string) (Fact, error) {
	v, err := d.Evidence.Value(ctx, id, evidence.Query{Site: siteID})
	if err != nil {
		return Fact{}, err
	}
	def, _ := d.Evidence.Definition(id)
	return Fact{
		ID: id, State: string(v.State), Kind: string(def.Kind), Unit: v.Unit, Value: v.Value, N: v.N, K: v.Numerator, Of: v.Denominator, Date: v.Date,
		From: v.Query.From.Format(time.DateOnly), Until: v.Query.Until.Format(time.DateOnly), How: v.Provenance.How, Content: v.Provenance.Content,
	}, nil
}

// latest is the latest cycle of a template that has a result, else the latest.
func (d *Desk) latest(ctx context.Context, cycles []Cycle, template, today string) (DutyAudit, error) {
	out := DutyAudit{Template: template}
	for i := range cycles { // the latest come first
		c := &cycles[i]
		if c.TemplateID != template {
			continue
		}
		actions, err := d.Actions(ctx, c)
		if err != nil {
			return out, err
		}
		for _, a := range actions {
			if a.Done == "" && c.State != Closed {
				out.Open++
				if a.Due < today {
					out.Overdue++
				}
			}
		}
		if out.Number == 0 {
			out.Number, out.State = c.Number, c.State
		}
		if r := c.Result; r != nil && out.Decision == "" {
			out.Number, out.State, out.Decision, out.Yes, out.N, out.Census = c.Number, c.State, r.Decision.Decision, r.Yes, r.Count.N(), r.Census
			out.Low, out.High, out.Interval, out.On = r.Low, r.High, r.HasInterval, r.At.Format(time.DateOnly)
		}
	}
	return out, nil
}

// judge says what is missing, and how a duty stands.
func (x *Duty) judge(today string) {
	x.Gaps = nil
	gap := func(is bool, code string) {
		if is && !slices.Contains(x.Gaps, code) {
			x.Gaps = append(x.Gaps, code)
		}
	}
	gap(x.National == "", GapNational)
	gap(x.Answers == "", GapAnswers)
	proof, bad := false, false
	for _, f := range x.Facts {
		switch evidence.State(f.State) {
		case evidence.Known:
			proof = true
		case evidence.NotConnected:
			gap(true, GapEvidence)
		default:
			gap(true, GapNothing)
		}
	}
	since := yearBefore(today)
	fresh := false
	for _, a := range x.Audits {
		if a.Decision != "" && a.On >= since {
			fresh = true
			proof = true
			if a.Decision == NotMet {
				gap(true, GapNotMet)
				bad = true
			}
		}
		if a.Overdue > 0 {
			gap(true, GapActions)
			bad = true
		}
	}
	gap(len(x.Audits) > 0 && !fresh, GapAudit)
	gap(!x.Verified, GapConfirmed)
	switch {
	case bad, proof && slices.ContainsFunc(x.Gaps, func(g string) bool { return g != GapConfirmed }):
		x.Status = Gap
	case proof:
		x.Status = Shown
	case x.National != "" || x.Answers != "" || x.Note != "":
		x.Status = Declared
	default:
		x.Status = Open
	}
}

// yearBefore is the day a year before another.
func yearBefore(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(-1, 0, 0).Format(time.DateOnly)
}

// A Pack is what an inspector gets: every duty on a day, signed.
type Pack struct {
	ID       string
	Number   int64
	Mock     bool // to practise
	AsOf     string
	Body     PackBody
	Raw      []byte // the body as it was signed
	Digest   string // of Raw
	SignedBy string
	SignedAs string
	SignedAt time.Time
}

// A PackBody is what is signed.
type PackBody struct {
	Site    string
	AsOf    string
	Mock    bool
	Laws    content.Ref
	Audits  content.Ref
	Duties  []Duty
	Visits  []Visit
	Program Program
}

// Program is the year of audits in counts.
type Program struct {
	Year    int
	States  map[string]int
	Results map[string]int // by decision
}

// Programme counts the audits of a year.
func (d *Desk) Programme(ctx context.Context, siteID string, year int) (Program, error) {
	p := Program{Year: year, States: map[string]int{}, Results: map[string]int{}}
	all, err := d.Cycles(ctx, siteID, year)
	for i := range all {
		p.States[all[i].State]++
		if r := all[i].Result; r != nil {
			p.Results[r.Decision.Decision]++
		}
	}
	return p, err
}

// Sign freezes the duties as they stand and signs them with a name and function. A mock
// pack is for practice and says so. Invalid: nobody signs.
func (d *Desk) Sign(ctx context.Context, siteID, by, as string, mock bool) (Pack, error) {
	if err := text("name and function of who signs", as, maxShort, true); err != nil {
		return Pack{}, err
	}
	p := Pack{ID: db.NewID(), Mock: mock, SignedBy: by, SignedAs: strings.TrimSpace(as), SignedAt: d.Now()}
	if err := d.body(ctx, siteID, &p); err != nil {
		return p, err
	}
	err := d.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if p.Number, err = next(ctx, tx, "audit_pack", siteID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into audit_pack (pack_id, site_id, number, mock, as_of, body, digest, signed_by, signed_as, signed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			p.ID, siteID, p.Number, mock, p.AsOf, string(p.Raw), p.Digest, by, p.SignedAs, db.Millis(p.SignedAt))
		if err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.pack.signed", p.ID, map[string]any{"number": p.Number, "mock": mock, "digest": p.Digest})
	})
	return p, err
}

// body gathers what is signed.
func (d *Desk) body(ctx context.Context, siteID string, p *Pack) (err error) {
	if p.AsOf, err = d.today(ctx, siteID); err != nil {
		return err
	}
	here, err := d.Site(ctx, siteID)
	if err != nil {
		return err
	}
	p.Body = PackBody{Site: here.Name, AsOf: p.AsOf, Mock: p.Mock}
	for id, ref := range map[string]*content.Ref{Law: &p.Body.Laws, Set: &p.Body.Audits} {
		set, ok := d.Content.Set(siteID, id)
		if !ok {
			return fault.Errorf(fault.NotFound, "no content set %s", id)
		}
		*ref = set.Ref()
	}
	var errs [3]error
	p.Body.Duties, errs[0] = d.Duties(ctx, siteID)
	p.Body.Visits, errs[1] = d.Visits(ctx, siteID)
	p.Body.Program, errs[2] = d.Programme(ctx, siteID, p.SignedAt.Year())
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	p.Raw, err = json.Marshal(p.Body)
	p.Digest = digest(p.Raw)
	return err
}

// Packs returns what was signed, the latest first, without its text.
func (d *Desk) Packs(ctx context.Context, siteID string) ([]Pack, error) {
	return db.List(ctx, d.DB, scanPack, selectPack+` where site_id = $1 order by number desc`, siteID)
}

const selectPack = `select pack_id, number, mock, as_of, body, digest, signed_by, signed_as, signed_at from audit_pack`

func scanPack(r *db.Rows) (p Pack, err error) {
	var body string
	var at int64
	if err := r.Scan(&p.ID, &p.Number, &p.Mock, &p.AsOf, &body, &p.Digest, &p.SignedBy, &p.SignedAs, &at); err != nil {
		return p, err
	}
	p.Raw, p.SignedAt = []byte(body), db.FromMillis(at)
	return p, json.Unmarshal(p.Raw, &p.Body)
}

// Pack returns one by its number. NotFound: there is none. Internal: what is kept is not
// what was signed.
func (d *Desk) Pack(ctx context.Context, siteID string, number int64) (Pack, error) {
	all, err := db.List(ctx, d.DB, scanPack, selectPack+` where site_id = $1 and number = $2`, siteID, number)
	switch {
	case err != nil:
		return Pack{}, err
	case len(all) == 0:
		return Pack{}, fault.Errorf(fault.NotFound, "no inspection pack %d", number)
	case digest(all[0].Raw) != all[0].Digest:
		return Pack{}, fault.Errorf(fault.Internal, "inspection pack %d is not what was signed: its digest differs", number)
	}
	return all[0], nil
}
