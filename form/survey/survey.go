// Package survey asks many people the same questions once.
//
// A campaign asks one version of a form, by invitations with a secret address each, or by
// one address that everybody may use. Of a named campaign the link between person and
// answer is kept; of a campaign by token it serves reminders and is cut at closing; of an
// anonymous one it is never made: the invitation is marked as spent in one table, the
// answer lies in another without a common key, with a random place and no moment finer
// than a day. Results are told by groups that are large enough (see Suppress), with what
// they are a part of: invited, opened, begun, usable, complete. Rules and numbers are
// content (kind survey_rules).
package survey

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/form"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of the room for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Journal takes what those do who lead a survey. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Forms returns versions of forms. *form.Desk does.
type Forms interface {
	Form(ctx context.Context, siteID, url, version string) (*form.Definition, form.Version, error)
}

// A Desk leads surveys and takes their answers. It is safe for concurrent use.
type Desk struct {
	DB      *db.DB
	Journal Journal
	Forms   Forms
	Content *content.Library
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	Now     func() time.Time
	// Key makes the secret of an invitation, so that a reminder says the same address
	// without it being kept.
	Key []byte
}

// Modes of a survey.
const (
	Named     = "named"
	Token     = "token"
	Anonymous = "anonymous"
)

// States of a survey.
const (
	Draft   = "draft"
	Open    = "open"
	Closed  = "closed"
	Cleared = "cleared" // answers and invitations were deleted; the results stay
)

// States of an answer.
const (
	Begun    = "begun"
	Complete = "complete"
	Full     = "full" // its group had enough answers already
)

// Bounds of a plan and of what is invited.
const (
	mostLine    = 200
	mostWords   = 4000
	mostQuotas  = 50
	mostInvited = 100_000
	mostSurveys = 2_000
)

// A Plan is what somebody decides before a survey opens.
type Plan struct {
	Title     string   `json:"title"`
	Purpose   string   `json:"purpose"`  // why it is asked, as those who are asked read it
	Basis     string   `json:"basis"`    // on what law or consent it rests
	DeleteOn  string   `json:"delete"`   // day on which invitations and answers are deleted
	Closes    string   `json:"closes"`   // last day on which it takes answers, "" for none
	Languages []string `json:"language"` // in which it is asked
	Live      bool     `json:"live"`     // who has answered sees the results
	Link      bool     `json:"link"`     // everybody who has the address may answer, once or more
	Society   bool     `json:"society"`  // asks societies and authorities: no patient data, no facts of the house, no files
	Group     string   `json:"group"`    // link id of the question by which results are told, StratumGroup for that of invitations, "" for none
	Quotas    []Quota  `json:"quota,omitempty"`
	Least     int      `json:"least"` // answers that a group must have to be told, never below that of the rules
	Whole     int      `json:"whole"` // by address for everybody: how many could have answered, 0 if nobody knows
}

// StratumGroup tells results by what the invitations say, such as the country.
const StratumGroup = "*"

// A Quota says how many complete answers of a group are taken.
type Quota struct {
	LinkID string `json:"question"` // a choice; "" for all answers
	Option int    `json:"option"`   // its place, from 0
	Most   int    `json:"most"`
}

// A Survey is a campaign.
type Survey struct {
	Site, ID, State, Mode      string
	URL, Version               string // of the form
	Plan                       Plan
	MadeBy                     string
	MadeAt, OpenedAt, ClosedAt time.Time
	Revision                   int
	OpenedLink                 int // how often the address for everybody was looked at
	secret                     string
	mixed                      bool
}

// Make plans a survey: nobody is asked yet.
func (d *Desk) Make(ctx context.Context, siteID, url, version, mode string, p Plan, by string) (Survey, error) {
	s := Survey{Site: siteID, ID: db.NewID(), State: Draft, Mode: mode, URL: url, Version: version, Plan: p, MadeBy: by, MadeAt: d.Now(), Revision: 1}
	if err := d.check(ctx, &s); err != nil {
		return s, err
	}
	return s, d.DB.Write(ctx, func(tx *db.Tx) error {
		n := 0
		if err := tx.QueryRow(ctx, `select count(*) from survey where site_id = $1`, siteID).Scan(&n); err != nil {
			return err
		}
		if n >= mostSurveys {
			return fault.Errorf(fault.Exhausted, "a site has at most %d surveys", mostSurveys)
		}
		plan, err := json.Marshal(s.Plan)
		if err != nil {
			return fault.As(fault.Internal, err)
		}
		_, err = tx.Exec(ctx, `insert into survey (site_id, survey_id, state, mode, plan, url, version, made_by, made_at, revision) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)`,
			siteID, s.ID, s.State, s.Mode, string(plan), url, version, by, db.Millis(s.MadeAt))
		if err != nil {
			return err
		}
		return d.note(ctx, tx, &s, by, "survey.planned", map[string]any{"form": url, "version": version, "mode": mode})
	})
}

// Change changes the plan of a survey that has not opened, on the revision that was read.
func (d *Desk) Change(ctx context.Context, siteID, id string, revision int, mode string, p Plan, by string) (Survey, error) {
	var out Survey
	return out, d.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := d.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		switch {
		case s.State != Draft:
			return fault.Errorf(fault.Conflict, "the survey is %s: what people were asked for does not change any more", s.State)
		case s.Revision != revision:
			return fault.Errorf(fault.Conflict, "somebody else changed the survey meanwhile: look at it again")
		}
		s.Mode, s.Plan = mode, p
		if err := d.check(ctx, &s); err != nil {
			return err
		}
		if err := d.put(ctx, tx, &s); err != nil {
			return err
		}
		out = s
		return d.note(ctx, tx, &s, by, "survey.changed", map[string]any{"mode": mode})
	})
}

// check refuses what cannot be a plan, and fills in what the rules say.
func (d *Desk) check(ctx context.Context, s *Survey) error {
	p := &s.Plan
	rules, err := d.Rules(s.Site)
	if err != nil {
		return err
	}
	here, err := d.Site(ctx, s.Site)
	if err != nil {
		return err
	}
	today := here.Day(d.Now())
	for name, line := range map[string]string{"title": p.Title, "legal basis": p.Basis} {
		if !plain(line, mostLine) {
			return fault.Errorf(fault.Invalid, "%s: plain text of at most %d bytes", name, mostLine)
		}
	}
	switch {
	case strings.TrimSpace(p.Title) == "":
		return fault.Errorf(fault.Invalid, "title: say what the survey is called")
	case strings.TrimSpace(p.Purpose) == "" || !plain(p.Purpose, mostWords):
		return fault.Errorf(fault.Invalid, "purpose: say in at most %d bytes why it is asked: those who are asked read it", mostWords)
	case !slices.Contains([]string{Named, Token, Anonymous}, s.Mode):
		return fault.Errorf(fault.Invalid, "mode: %s, %s or %s", Named, Token, Anonymous)
	case s.Mode != Anonymous && strings.TrimSpace(p.Basis) == "":
		return fault.Errorf(fault.Invalid, "legal basis: a survey that knows who answered holds personal data: say what it rests on")
	case p.DeleteOn == "" || !isDay(p.DeleteOn) || p.DeleteOn <= today:
		return fault.Errorf(fault.Invalid, "deletion: the day after today on which invitations and answers are deleted, as 2027-12-31")
	case p.Closes != "" && (!isDay(p.Closes) || p.Closes < today || p.Closes > p.DeleteOn):
		return fault.Errorf(fault.Invalid, "last day: a day from today to the day of deletion, as 2027-06-30, or none")
	case p.Link && s.Mode != Anonymous:
		return fault.Errorf(fault.Invalid, "an address that everybody may use goes with an anonymous survey only")
	case len(p.Quotas) > mostQuotas:
		return fault.Errorf(fault.Invalid, "quotas: at most %d", mostQuotas)
	case p.Whole < 0 || p.Whole > 100*mostInvited:
		return fault.Errorf(fault.Invalid, "how many could answer: a number, or nothing")
	}
	if p.Least == 0 {
		p.Least = rules.Least
	}
	if p.Least < rules.Least || p.Least > 1000 {
		return fault.Errorf(fault.Invalid, "smallest group: %d or more (rule %s)", rules.Least, "min_group")
	}
	def, v, err := d.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return err
	}
	if v.State == form.Retired {
		return fault.Errorf(fault.Conflict, "version %s of the form is retired", s.Version)
	}
	return checkForm(s, def)
}

// checkForm refuses a plan that its form does not fit.
func checkForm(s *Survey, def *form.Definition) error {
	p := &s.Plan
	if len(p.Languages) == 0 {
		p.Languages = slices.Clone(def.Languages)
	}
	slices.Sort(p.Languages)
	p.Languages = slices.Compact(p.Languages)
	for _, l := range p.Languages {
		if !slices.Contains(def.Languages, l) {
			return fault.Errorf(fault.Invalid, "language %s: not every question of the form has a text in it, so it cannot be asked in it", cut(l))
		}
	}
	for _, it := range def.All() {
		switch {
		case p.Society && it.Fact != "":
			return fault.Errorf(fault.Invalid, "question %s asks for a fact of the house: a survey of a society asks for none", it.LinkID)
		case it.Type == form.Attachment && (p.Society || s.Mode == Anonymous):
			return fault.Errorf(fault.Invalid, "question %s takes a file, and a file can say who sent it: take it out of the form", it.LinkID)
		}
	}
	if p.Group != "" && p.Group != StratumGroup {
		if err := choice(def, p.Group); err != nil {
			return err
		}
	}
	if p.Group == StratumGroup && p.Link {
		return fault.Errorf(fault.Invalid, "groups of invitations: there are none where everybody may answer")
	}
	seen := map[Quota]bool{}
	for _, q := range p.Quotas {
		if q.Most < 1 {
			return fault.Errorf(fault.Invalid, "quota: a number from 1")
		}
		key := Quota{LinkID: q.LinkID, Option: q.Option}
		if seen[key] {
			return fault.Errorf(fault.Invalid, "quota: one is there twice")
		}
		seen[key] = true
		if q.LinkID == "" {
			continue
		}
		if err := choice(def, q.LinkID); err != nil {
			return err
		}
		if n := len(def.Item(q.LinkID).Options); q.Option < 0 || q.Option >= n {
			return fault.Errorf(fault.Invalid, "quota: question %s has %d options", q.LinkID, n)
		}
	}
	return nil
}

// choice refuses a question by which nobody can be grouped.
func choice(def *form.Definition, linkID string) error {
	it := def.Item(linkID)
	if it == nil {
		return fault.Errorf(fault.Invalid, "the form has no question %s", cut(linkID))
	}
	if it.Type != form.Choice || it.Repeats || len(it.Options) == 0 {
		return fault.Errorf(fault.Invalid, "question %s: groups and quotas are made of a question with one choice", linkID)
	}
	for up := it.Parent; up != nil; up = up.Parent {
		if up.Repeats {
			return fault.Errorf(fault.Invalid, "question %s is asked several times: groups and quotas are made of one that is asked once", linkID)
		}
	}
	return nil
}

// Start opens a survey. link, if not "", is the secret of the address that everybody may
// use; it is told once.
func (d *Desk) Start(ctx context.Context, siteID, id, by string) (s Survey, link string, err error) {
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		if s, err = d.find(ctx, tx, siteID, id); err != nil {
			return err
		}
		if s.State != Draft {
			return fault.Errorf(fault.Conflict, "the survey is %s already", s.State)
		}
		if err := d.check(ctx, &s); err != nil {
			return err
		}
		_, v, err := d.Forms.Form(ctx, siteID, s.URL, s.Version)
		if err != nil {
			return err
		}
		if v.State != form.Active {
			return fault.Errorf(fault.Conflict, "version %s of the form is %s: publish it first", s.Version, v.State)
		}
		s.State, s.OpenedAt = Open, d.Now()
		if s.Plan.Link {
			link = d.derive("link", s.ID)
			s.secret = digest(link)
		}
		if err := d.put(ctx, tx, &s); err != nil {
			return err
		}
		return d.note(ctx, tx, &s, by, "survey.opened", map[string]any{"mode": s.Mode, "languages": s.Plan.Languages})
	})
	return s, link, err
}

// Link is the secret of the address that everybody may use, "" if there is none.
func (d *Desk) Link(s *Survey) string {
	if s.secret == "" {
		return ""
	}
	return d.derive("link", s.ID)
}

// Close ends a survey: it takes no answer any more. Unless it is named, the links between
// invitations and answers are cut, and of everybody who was invited only the group stays.
func (d *Desk) Close(ctx context.Context, siteID, id, by string) (s Survey, err error) {
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		if s, err = d.find(ctx, tx, siteID, id); err != nil {
			return err
		}
		if s.State != Open {
			return fault.Errorf(fault.Conflict, "the survey is %s, not open", s.State)
		}
		s.State, s.ClosedAt = Closed, d.Now()
		if err := d.put(ctx, tx, &s); err != nil {
			return err
		}
		if s.Mode != Named {
			_, err := tx.Exec(ctx, `update survey_invite set answer = '', name = '', address = '' where site_id = $1 and survey_id = $2`, siteID, id)
			if err != nil {
				return err
			}
		}
		if err := mix(ctx, tx, &s); err != nil {
			return err
		}
		counts, err := d.counts(ctx, tx, &s)
		if err != nil {
			return err
		}
		return d.note(ctx, tx, &s, by, "survey.closed", map[string]any{"complete": counts.Complete, "invited": counts.Invited})
	})
	if err == nil {
		err = d.DB.Forget(ctx, "survey_invite", "survey_answer")
	}
	return s, err
}

// Clear deletes invitations, answers and texts of a survey that is closed; what was told
// of them stays.
func (d *Desk) Clear(ctx context.Context, siteID, id, by string) error {
	s, err := d.Survey(ctx, siteID, id)
	if err != nil {
		return err
	}
	if s.State != Closed {
		return fault.Errorf(fault.Conflict, "the survey is %s: close it first", s.State)
	}
	if _, err := d.Results(ctx, siteID, id); err != nil { // they are kept
		return err
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"survey_invite", "survey_answer", "survey_text"} {
			if _, err := tx.Exec(ctx, `delete from `+table+` where site_id = $1 and survey_id = $2`, siteID, id); err != nil {
				return err
			}
		}
		s.State = Cleared
		if err := d.put(ctx, tx, &s); err != nil {
			return err
		}
		return d.note(ctx, tx, &s, by, "survey.cleared", map[string]any{})
	})
	if err != nil {
		return err
	}
	return d.DB.Forget(ctx, "survey_invite", "survey_answer", "survey_text")
}

// Due closes what has had its last day and clears what has had its day of deletion, at
// every site, and moves the rows of anonymous surveys in which something was begun, so
// that their places on the disk do not tell in which order answers came. It may be called
// at any time.
func (d *Desk) Due(ctx context.Context) error {
	all, err := db.List(ctx, d.DB, scan, selectSurvey+` where state in ('open', 'closed')`)
	if err != nil {
		return err
	}
	for _, s := range all {
		here, err := d.Site(ctx, s.Site)
		if err != nil {
			return err
		}
		today := here.Day(d.Now())
		if s.State == Open && !s.takes(today) {
			if s, err = d.Close(ctx, s.Site, s.ID, system); err != nil {
				return err
			}
		}
		if s.State == Closed && s.Plan.DeleteOn <= today {
			if err := d.Clear(ctx, s.Site, s.ID, system); err != nil {
				return err
			}
		}
		if s.State == Open && s.Mode == Anonymous && !s.mixed {
			if err := d.DB.Write(ctx, func(tx *db.Tx) error { return mix(ctx, tx, &s) }); err != nil {
				return err
			}
			if err := d.DB.Forget(ctx, "survey_invite", "survey_answer"); err != nil {
				return err
			}
		}
	}
	return nil
}

// system stands in the journal where the program does what a plan says.
const system = "system:survey"

// takes reports whether a survey takes answers on a day at the site.
func (s *Survey) takes(today string) bool {
	return s.State == Open && (s.Plan.Closes == "" || today <= s.Plan.Closes) && today < s.Plan.DeleteOn
}

// Surveys returns the surveys of a site, the latest first.
func (d *Desk) Surveys(ctx context.Context, siteID string) ([]Survey, error) {
	return db.List(ctx, d.DB, scan, selectSurvey+` where site_id = $1 order by made_at desc, survey_id desc`, siteID)
}

// Survey returns one. NotFound: there is none.
func (d *Desk) Survey(ctx context.Context, siteID, id string) (Survey, error) {
	return d.find(ctx, d.DB, siteID, id)
}

const selectSurvey = `select site_id, survey_id, state, mode, plan, url, version, secret, made_by, made_at, opened_at, closed_at, opened, mixed, revision from survey`

func scan(r *db.Rows) (s Survey, err error) {
	var plan string
	var made, opened, closed int64
	var mixed int
	if err = r.Scan(&s.Site, &s.ID, &s.State, &s.Mode, &plan, &s.URL, &s.Version, &s.secret, &s.MadeBy, &made, &opened, &closed, &s.OpenedLink, &mixed, &s.Revision); err != nil {
		return s, err
	}
	s.mixed = mixed != 0
	s.MadeAt, s.OpenedAt, s.ClosedAt = db.FromMillis(made), db.FromMillis(opened), db.FromMillis(closed)
	return s, fault.As(fault.Internal, json.Unmarshal([]byte(plan), &s.Plan))
}

func (*Desk) find(ctx context.Context, q db.Querier, siteID, id string) (Survey, error) {
	return one(ctx, q, ` where site_id = $1 and survey_id = $2`, siteID, id)
}

// one returns the survey that a clause finds.
func one(ctx context.Context, q db.Querier, where string, args ...any) (Survey, error) {
	all, err := db.List(ctx, q, scan, selectSurvey+where, args...)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such survey")
	}
	if err != nil {
		return Survey{}, err
	}
	return all[0], nil
}

// put writes a survey back.
func (*Desk) put(ctx context.Context, tx *db.Tx, s *Survey) error {
	plan, err := json.Marshal(s.Plan)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	s.Revision++
	_, err = tx.Exec(ctx, `update survey set state = $3, mode = $4, plan = $5, secret = $6, opened_at = $7, closed_at = $8, revision = $9 where site_id = $1 and survey_id = $2`,
		s.Site, s.ID, s.State, s.Mode, string(plan), s.secret, db.Millis(s.OpenedAt), db.Millis(s.ClosedAt), s.Revision)
	return err
}

// note writes to the journal what was done by who leads a survey; of answers nothing
// stands there.
func (d *Desk) note(ctx context.Context, tx *db.Tx, s *Survey, by, kind string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return d.Journal.Append(ctx, tx, journal.Entry{Site: s.Site, Actor: by, Kind: kind, Subject: s.ID, Data: raw})
}

// mix gives invitations and answers new random places, all in one transaction.
func mix(ctx context.Context, tx *db.Tx, s *Survey) error {
	slot := func(r *db.Rows) (n int64, err error) { err = r.Scan(&n); return n, err }
	for _, table := range []string{"survey_invite", "survey_answer"} {
		taken, err := db.List(ctx, tx, slot, `select slot from `+table)
		if err != nil {
			return err
		}
		mine, err := db.List(ctx, tx, slot, `select slot from `+table+` where site_id = $1 and survey_id = $2`, s.Site, s.ID)
		if err != nil {
			return err
		}
		used := map[int64]bool{}
		for _, n := range taken {
			used[n] = true
		}
		moves := make([][2]int64, len(mine))
		for i, old := range mine {
			to := place()
			for used[to] {
				to = place()
			}
			used[to] = true
			moves[i] = [2]int64{old, to}
		}
		slices.SortFunc(moves, func(a, b [2]int64) int { return cmp.Compare(a[1], b[1]) })
		for _, m := range moves {
			if _, err := tx.Exec(ctx, `update `+table+` set slot = $2 where slot = $1`, m[0], m[1]); err != nil {
				return err
			}
		}
	}
	_, err := tx.Exec(ctx, `update survey set mixed = 1 where site_id = $1 and survey_id = $2`, s.Site, s.ID)
	return err
}

// place is a random one in a table.
func place() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.LittleEndian.Uint64(b[:])>>33) | 1
}

// derive makes the secret of an address.
func (d *Desk) derive(of ...string) string {
	m := hmac.New(sha256.New, d.Key)
	_, _ = m.Write([]byte(strings.Join(of, "\x00")))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil)[:16]))
}

// chance is a secret that nothing else tells.
func chance() string { return strings.ToLower(rand.Text()) }

// digest is by what a secret is found.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// cut shortens what somebody typed for an error.
func cut(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
