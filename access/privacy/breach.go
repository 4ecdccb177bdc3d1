package privacy

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Breach is a breach of personal data. Every one is documented, notified or not
// (GDPR Art. 33(5)). Its texts name no patient.
type Breach struct {
	ID, Site   string
	AwareAt    time.Time
	Aware      string   // as typed, with its offset
	Kinds      []string // confidentiality, integrity, availability
	Risk       string   // unknown, unlikely, likely, high
	NotifiedAt time.Time
	WhyLate    string // reasons for a notification after the limit
	WhyNot     string // reasons for none
	ToldAt     time.Time
	ClosedAt   time.Time
	CreatedBy  string
	CreatedAt  time.Time
	Phases     []Phase

	Due     time.Time     // for the authority
	Age     time.Duration // since somebody became aware, until it was notified or dropped
	Left    time.Duration // negative when the limit is over
	Soon    bool
	Overdue bool
}

// A Phase is what was known of a breach at some time (GDPR Art. 33(4)).
type Phase struct {
	Number       int
	What         string
	Data         string // categories of data
	Consequences string
	Measures     string
	Persons      int // about how many; -1 unknown
	Records      int
	By           string
	At           time.Time
}

// BreachKinds returns what may have suffered.
func BreachKinds() []string { return []string{"confidentiality", "integrity", "availability"} }

// Risks returns the risks to persons, the least first after unknown.
func Risks() []string { return []string{"unknown", "unlikely", "likely", "high"} }

// Open reports whether a breach is still worked on.
func (b Breach) Open() bool { return b.ClosedAt.IsZero() }

// Waiting reports whether nobody has decided yet about telling the authority.
func (b Breach) Waiting() bool { return b.NotifiedAt.IsZero() && b.WhyNot == "" }

// Discover notes a breach with its first phase and returns its id. aware is an
// instant with its offset, written 2006-01-02T15:04:05+01:00.
func (d *Desk) Discover(ctx context.Context, siteID, aware string, kinds []string, risk string, first Phase) (string, error) {
	if err := access.Check(ctx, access.BreachHandle, access.Subject{Site: siteID}); err != nil {
		return "", err
	}
	at, err := time.Parse(time.RFC3339, aware)
	switch {
	case err != nil:
		return "", fault.Errorf(fault.Invalid, "breach: write when you became aware with its offset, as 2006-01-02T15:04:05+01:00")
	case at.After(d.Now().Add(time.Minute)):
		return "", fault.Errorf(fault.Invalid, "breach: nobody becomes aware in the future")
	case len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return !slices.Contains(BreachKinds(), k) }):
		return "", fault.Errorf(fault.Invalid, "breach: of one or more of %s", strings.Join(BreachKinds(), ", "))
	case !slices.Contains(Risks(), risk):
		return "", fault.Errorf(fault.Invalid, "breach: the risk is one of %s", strings.Join(Risks(), ", "))
	}
	id := db.NewID()
	return id, d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into privacy_breach (breach_id, site_id, aware_at, aware_text, kinds, risk, created_by, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, siteID, db.Millis(at), aware, strings.Join(kinds, " "), risk, access.From(ctx).ID, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		if err := d.phase(ctx, tx, siteID, id, 1, first); err != nil {
			return err
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, siteID, "privacy.breach.discovered", id, map[string]any{
			"aware": aware, "kinds": kinds, "risk": risk, "persons": first.Persons,
		}))
	})
}

// phase writes a phase of a breach.
func (d *Desk) phase(ctx context.Context, tx *db.Tx, siteID, id string, number int, p Phase) error {
	if strings.TrimSpace(p.What) == "" {
		return fault.Errorf(fault.Invalid, "breach: say what happened, without the name of a patient")
	}
	for _, text := range []string{p.What, p.Data, p.Consequences, p.Measures} {
		if err := short("breach: text", text, 20000); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `insert into privacy_breach_phase (breach_id, site_id, phase, what, data, consequences, measures, persons, records,
		made_by, made_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, siteID, number, p.What, p.Data, p.Consequences, p.Measures, max(p.Persons, -1), max(p.Records, -1),
		access.From(ctx).ID, db.Millis(d.Now()))
	return err
}

// A BreachMove is what somebody does with a breach.
type BreachMove struct {
	Do    string    // phase, risk, notify, not, tell, close
	At    time.Time // notify, tell: when it was done; the zero time means now
	Risk  string    // risk
	Why   string    // notify: why after the limit; not: why a risk is unlikely
	Phase Phase     // phase
}

// MoveBreach does something with a breach. Conflict: it is closed. Invalid: something
// is missing, such as reasons for a notification after the limit.
func (d *Desk) MoveBreach(ctx context.Context, siteID, id string, m BreachMove) error {
	b, err := d.Breach(ctx, siteID, id)
	if err != nil {
		return err
	}
	if !b.Open() {
		return fault.Errorf(fault.Conflict, "breach %s is closed", id)
	}
	if m.At.IsZero() {
		m.At = d.Now()
	}
	if err := m.check(b); err != nil {
		return err
	}
	data := map[string]any{}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		switch m.Do {
		case "phase":
			data["phase"], data["persons"] = len(b.Phases)+1, m.Phase.Persons
			if err := d.phase(ctx, tx, siteID, id, len(b.Phases)+1, m.Phase); err != nil {
				return err
			}
		case "risk":
			b.Risk, data["risk"] = m.Risk, m.Risk
		case "notify":
			b.NotifiedAt, b.WhyLate, b.WhyNot = m.At, m.Why, ""
			data["at"], data["late"] = m.At.UTC().Format(time.RFC3339), m.At.After(b.Due)
		case "not":
			b.WhyNot = m.Why
		case "tell":
			b.ToldAt, data["at"] = m.At, m.At.UTC().Format(time.RFC3339)
		case "close":
			b.ClosedAt = d.Now()
		}
		_, err := tx.Exec(ctx, `update privacy_breach set risk = $2, notified_at = $3, why_late = $4, why_not = $5, told_at = $6, closed_at = $7
			where breach_id = $1`, id, b.Risk, db.Millis(b.NotifiedAt), b.WhyLate, b.WhyNot, db.Millis(b.ToldAt), db.Millis(b.ClosedAt))
		if err != nil {
			return err
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, siteID, "privacy.breach."+breachVerbs[m.Do], id, data))
	})
}

// breachVerbs are the last words of the kinds of journal entries.
var breachVerbs = map[string]string{
	"phase": "supplemented", "risk": "assessed", "notify": "notified", "not": "dismissed", "tell": "told", "close": "closed",
}

// check refuses a move that lacks something.
func (m BreachMove) check(b Breach) error {
	if err := short("breach: reasons", m.Why, 20000); err != nil {
		return err
	}
	reasons := len(strings.TrimSpace(m.Why)) >= 10
	switch {
	case breachVerbs[m.Do] == "":
		return fault.Errorf(fault.Invalid, "breach: there is no %.20q", m.Do)
	case m.Do == "risk" && !slices.Contains(Risks(), m.Risk):
		return fault.Errorf(fault.Invalid, "breach: the risk is one of %s", strings.Join(Risks(), ", "))
	case m.Do == "notify" && m.At.Before(b.AwareAt):
		return fault.Errorf(fault.Invalid, "breach: the authority cannot have been told before anybody was aware")
	case m.Do == "notify" && m.At.After(b.Due) && !reasons:
		return fault.Errorf(fault.Invalid, "breach: a notification after the limit needs reasons (GDPR Art. 33(1))")
	case m.Do == "not" && b.Risk != "unlikely":
		return fault.Errorf(fault.Invalid, "breach: the authority is left out only if a risk to persons is unlikely")
	case m.Do == "not" && !reasons:
		return fault.Errorf(fault.Invalid, "breach: write down why a risk is unlikely")
	case m.Do == "close" && b.Waiting():
		return fault.Errorf(fault.Invalid, "breach: first say when the authority was told, or why not")
	}
	return nil
}

// Breaches returns the breaches of a site, the latest first.
func (d *Desk) Breaches(ctx context.Context, siteID string) ([]Breach, error) {
	if err := access.Check(ctx, access.BreachHandle, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	return d.breaches(ctx, siteID, `where site_id = $1`, siteID)
}

// Breach returns one breach of a site.
func (d *Desk) Breach(ctx context.Context, siteID, id string) (Breach, error) {
	if err := access.Check(ctx, access.BreachHandle, access.Subject{Site: siteID}); err != nil {
		return Breach{}, err
	}
	all, err := d.breaches(ctx, siteID, `where site_id = $1 and breach_id = $2`, siteID, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no breach %.40s", id)
	}
	if err != nil {
		return Breach{}, err
	}
	return all[0], nil
}

func (d *Desk) breaches(ctx context.Context, siteID, where string, args ...any) ([]Breach, error) {
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (b Breach, err error) {
		var kinds string
		var aware, notified, told, closed, created int64
		err = r.Scan(&b.ID, &b.Site, &aware, &b.Aware, &kinds, &b.Risk, &notified, &b.WhyLate, &b.WhyNot, &told, &closed, &b.CreatedBy, &created)
		b.Kinds, b.AwareAt, b.NotifiedAt = strings.Fields(kinds), db.FromMillis(aware), db.FromMillis(notified)
		b.ToldAt, b.ClosedAt, b.CreatedAt = db.FromMillis(told), db.FromMillis(closed), db.FromMillis(created)
		return b, err
	}, `select breach_id, site_id, aware_at, aware_text, kinds, risk, notified_at, why_late, why_not, told_at, closed_at, created_by, created_at
		from privacy_breach `+where+` order by aware_at desc, breach_id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	clocks, err := d.Clocks(siteID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].count(clocks, d.Now())
		all[i].Phases, err = db.List(ctx, d.DB, scanPhase, `select phase, what, data, consequences, measures, persons, records, made_by, made_at
			from privacy_breach_phase where breach_id = $1 order by phase`, all[i].ID)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func scanPhase(r *db.Rows) (p Phase, err error) {
	var at int64
	err = r.Scan(&p.Number, &p.What, &p.Data, &p.Consequences, &p.Measures, &p.Persons, &p.Records, &p.By, &at)
	p.At = db.FromMillis(at)
	return p, err
}

// count fills in what follows from the clock.
func (b *Breach) count(c Clocks, now time.Time) {
	b.Due = c.Breach(b.AwareAt)
	end := now
	if !b.NotifiedAt.IsZero() {
		end = b.NotifiedAt
	}
	b.Age, b.Left = end.Sub(b.AwareAt), b.Due.Sub(end)
	b.Overdue = b.WhyNot == "" && b.Left < 0
	b.Soon = b.Waiting() && !b.Overdue && b.Left <= time.Duration(c[clockBreachSoon].Amount)*time.Hour
}
