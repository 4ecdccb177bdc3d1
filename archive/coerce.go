package archive

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
	"radagora/journal"
)

// A Coercion says what is made of attributes of what a peer sends. It lies over the
// objects like a Correction: their bytes stay as received, everything that is given out
// says what was made of them, and what they said (PS3.3 C.12.1.1.9). It is a version:
// what came while it held stays under it.
type Coercion struct {
	ID, Site, Peer string
	Issuer         string // of patient IDs that come without one; "" leaves them so
	Rules          []Rule // each works on what those before it made
	Reason, Actor  string
	At             time.Time
	Until          time.Time // the zero time while it holds for what comes
	UntilBy        string
}

// A Rule makes something of one attribute.
type Rule struct {
	Tag  tag.Tag
	Do   Doing
	Find string // of Replace: a regular expression (RE2)
	Text string // what it is set to, what is put before it, what takes the place of Find; of Pad how long it is made
}

// A Doing is what a Rule does.
type Doing string

// What rules do.
const (
	Set     Doing = "set"     // it says Text
	Fill    Doing = "fill"    // it says Text if it said nothing
	Prefix  Doing = "prefix"  // Text stands before it, unless it did or there is nothing
	Replace Doing = "replace" // what Find matches becomes Text, in which $1 is its first group
	Pad     Doing = "pad"     // digits get zeros before them until they are as many as Text says
	Empty   Doing = "empty"   // it says nothing
)

// Doings returns what rules may do.
func Doings() []Doing { return []Doing{Set, Fill, Prefix, Replace, Pad, Empty} }

// coercible are the attributes that rules may name, by tag: those of patient, study and
// series that people and systems look for, and that stand once in the data set.
var coercible = []tag.Tag{
	tag.AccessionNumber, tag.InstitutionName, tag.InstitutionAddress, tag.ReferringPhysicianName, tag.StationName, tag.StudyDescription,
	tag.SeriesDescription, tag.InstitutionalDepartmentName, tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate,
	tag.PatientSex, tag.BodyPartExamined, tag.ProtocolName, tag.StudyID,
}

// Coercible returns the attributes that rules may name, by tag.
func Coercible() []tag.Tag { return slices.Clone(coercible) }

const (
	maxRules    = 50
	maxRuleText = 256
)

// valid reports what is wrong with a coercion.
func (a *Archive) validCoercion(c *Coercion) error {
	c.Peer, c.Issuer, c.Reason = strings.TrimSpace(clean(c.Peer)), strings.TrimSpace(c.Issuer), strings.TrimSpace(c.Reason)
	if c.Peer == "" || len(c.Peer) > 16 || c.Reason == "" || len(c.Reason) > maxReason || len(c.Rules) > maxRules {
		return fault.Errorf(fault.Invalid, "rules for a peer need its title, a reason of at most %d bytes, and are at most %d", maxReason, maxRules)
	}
	if !fits(tag.IssuerOfPatientID, c.Issuer) {
		return fault.Errorf(fault.Invalid, "that can be no issuer of patient IDs")
	}
	for n, r := range c.Rules {
		if err := a.validRule(r); err != nil {
			return fault.Errorf(fault.Invalid, "rule %d: %w", n+1, err)
		}
	}
	return nil
}

// validRule reports what is wrong with a rule.
func (a *Archive) validRule(r Rule) error {
	switch {
	case !slices.Contains(coercible, r.Tag):
		return fault.Errorf(fault.Invalid, "no rule may name %v", r.Tag)
	case !slices.Contains(Doings(), r.Do):
		return fault.Errorf(fault.Invalid, "a rule does one of %v", Doings())
	case len(r.Text) > maxRuleText || len(r.Find) > maxRuleText:
		return fault.Errorf(fault.Invalid, "a text of a rule has at most %d bytes", maxRuleText)
	case r.Do == Replace && r.Find == "" || r.Do != Replace && r.Find != "":
		return fault.Errorf(fault.Invalid, "what is looked for belongs to replacing, and to it alone")
	case (r.Do == Set || r.Do == Fill || r.Do == Prefix) && (r.Text == "" || !fits(r.Tag, r.Text)):
		return fault.Errorf(fault.Invalid, "%v cannot say that", r.Tag)
	case r.Do == Pad && padded(r.Text) == 0:
		return fault.Errorf(fault.Invalid, "say as how many digits, 1 to 64")
	case a.Minimise != nil && minimised[r.Tag]:
		return fault.Errorf(fault.Invalid, "%v is kept as a hash here, which no rule changes", r.Tag)
	}
	if _, err := regexp.Compile(r.Find); err != nil {
		return fault.Errorf(fault.Invalid, "what is looked for is no regular expression")
	}
	return nil
}

// minimised are attributes that a minimised installation keeps as hashes, or not at all.
var minimised = map[tag.Tag]bool{tag.PatientName: true, tag.PatientID: true, tag.PatientBirthDate: true, tag.AccessionNumber: true}

// fits reports whether an attribute can say a text.
func fits(t tag.Tag, text string) bool {
	if t == tag.PatientBirthDate && text != "" && parseDate(text) != text {
		return false
	}
	_, err := dicom.NewBuilder().Text(t, text).Dataset()
	return err == nil
}

// Coerce has rules hold for what a peer sends from now on, in the place of those before;
// without rules and issuer nothing is made of it any more. Invalid: a rule that cannot be.
func (a *Archive) Coerce(ctx context.Context, c Coercion) (Coercion, error) {
	if err := a.validCoercion(&c); err != nil {
		return c, err
	}
	c.ID, c.Actor, c.At, c.Until, c.UntilBy = db.NewID(), actorOf(ctx), a.Now(), time.Time{}, ""
	text, err := json.Marshal(rulesOf(c.Rules))
	if err != nil {
		return c, err
	}
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `update coercion set until_ms = $3, until_by = $4 where site_id = $1 and peer = $2 and until_ms = 0`,
			c.Site, c.Peer, db.Millis(c.At), c.Actor); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into coercion (id, site_id, peer, issuer, rules, reason, actor, at_ms) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			c.ID, c.Site, c.Peer, c.Issuer, string(text), c.Reason, c.Actor, db.Millis(c.At))
		if err != nil {
			return err
		}
		tx.OnCommit(a.coercing.forget)
		return a.Journal.Append(ctx, tx, c.entry())
	})
	return c, err
}

// Uncoerce has the version before the one that holds for a peer hold again for what
// comes from now on, as a new version; what came stays as it is. NotFound: there is none.
func (a *Archive) Uncoerce(ctx context.Context, site, peer, reason string) (Coercion, error) {
	list, err := a.Coercions(ctx, site, peer, 2)
	if err != nil {
		return Coercion{}, err
	}
	if len(list) == 0 {
		return Coercion{}, fault.Errorf(fault.NotFound, "there are no rules for the peer")
	}
	before := Coercion{Site: site, Peer: peer}
	if len(list) == 2 {
		before.Issuer, before.Rules = list[1].Issuer, list[1].Rules
	}
	before.Reason = reason
	return a.Coerce(ctx, before)
}

// None reports whether c makes nothing of anything.
func (c *Coercion) None() bool { return c.Issuer == "" && len(c.Rules) == 0 }

// entry returns what the journal says: which attributes, and what is done with them.
func (c *Coercion) entry() journal.Entry {
	what := []string{}
	for _, r := range c.Rules {
		what = append(what, string(r.Do)+" "+r.Tag.Keyword())
	}
	return journal.Entry{
		Site: c.Site, Actor: c.Actor, Kind: "archive.rule.coercion", Subject: c.Peer,
		Data: encode(map[string]any{"coercion": c.ID, "rules": what, "issuer": c.Issuer != ""}),
	}
}

// A ruleRow is a Rule in the table.
type ruleRow struct {
	Tag  string `json:"tag"`
	Do   Doing  `json:"do"`
	Find string `json:"find,omitempty"`
	Text string `json:"text,omitempty"`
}

func rulesOf(rules []Rule) []ruleRow {
	all := []ruleRow{}
	for _, r := range rules {
		all = append(all, ruleRow{r.Tag.Keyword(), r.Do, r.Find, r.Text})
	}
	return all
}

const fromCoercion = `select id, site_id, peer, issuer, rules, reason, actor, at_ms, until_ms, until_by from coercion `

func scanCoercion(r *db.Rows) (c Coercion, err error) {
	var text string
	var at, until int64
	if err := r.Scan(&c.ID, &c.Site, &c.Peer, &c.Issuer, &text, &c.Reason, &c.Actor, &at, &until, &c.UntilBy); err != nil {
		return c, err
	}
	c.At, c.Until = db.FromMillis(at), db.FromMillis(until)
	var rows []ruleRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return c, fault.Errorf(fault.Internal, "a rule cannot be read")
	}
	for _, x := range rows {
		t, ok := tag.ByKeyword(x.Tag)
		if !ok {
			return c, fault.Errorf(fault.Internal, "a rule names no attribute")
		}
		c.Rules = append(c.Rules, Rule{t, x.Do, x.Find, x.Text})
	}
	return c, nil
}

// Coercions returns the versions for a peer, or for all peers if peer is "", the latest
// first, at most limit.
func (a *Archive) Coercions(ctx context.Context, site, peer string, limit int) ([]Coercion, error) {
	return db.List(ctx, a.DB, scanCoercion, fromCoercion+`where site_id = $1 and (cast($2 as text) = '' or peer = $2) order by id desc limit $3`, site, peer, limit)
}

// coercing remembers for a moment which versions hold, because every object asks.
type coercing struct {
	mu   sync.Mutex
	read time.Time
	ok   bool
	of   map[[2]string]*Coercion // by site and peer
}

// coercingHolds is how long another process may go on with what was.
const coercingHolds = 2 * time.Second

func (m *coercing) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ok = false
}

// coercionFor returns what is made of what a peer sends, nil for nothing.
func (a *Archive) coercionFor(ctx context.Context, site, peer string) (*Coercion, error) {
	if peer == "" {
		return nil, nil
	}
	m := &a.coercing
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := time.Since(m.read); !m.ok || age > coercingHolds || age < 0 {
		list, err := db.List(ctx, a.DB, scanCoercion, fromCoercion+`where until_ms = 0`)
		if err != nil {
			return nil, err
		}
		m.of, m.ok, m.read = map[[2]string]*Coercion{}, true, time.Now() //nolint:forbidigo // a stopwatch
		for _, c := range list {
			if !c.None() {
				m.of[[2]string{c.Site, c.Peer}] = &c
			}
		}
	}
	return m.of[[2]string{site, peer}], nil
}
