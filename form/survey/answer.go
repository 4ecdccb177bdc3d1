package survey

import (
	"context"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/form"
)

// A Door is what the address of an invitation leads to.
type Door struct {
	Survey   Survey
	Language string // of the invitation, if the survey is asked in it
	Spent    bool   // an answer was begun by it
	Answer   string // secret of that answer, where it is known: not of an anonymous survey
}

// Knock looks at the address of an invitation or at that for everybody, and counts that
// somebody did. NotFound, and nothing else: there is none of it, or it is not open.
func (d *Desk) Knock(ctx context.Context, secret string) (Door, error) {
	var out Door
	err := d.DB.Write(ctx, func(tx *db.Tx) (err error) {
		out, err = d.door(ctx, tx, secret)
		if err != nil {
			return err
		}
		if out.Survey.secret == digest(secret) {
			_, err = tx.Exec(ctx, `update survey set opened = opened + 1 where site_id = $1 and survey_id = $2`, out.Survey.Site, out.Survey.ID)
			return err
		}
		_, err = tx.Exec(ctx, `update survey_invite set opened = 1 where secret = $1 and opened = 0`, digest(secret))
		return err
	})
	return out, err
}

// errNoDoor is all that is said of an address that leads nowhere.
func errNoDoor() error {
	return fault.Errorf(fault.NotFound, "this address leads to no survey that is open")
}

// door finds what an address leads to.
func (d *Desk) door(ctx context.Context, q db.Querier, secret string) (Door, error) {
	var out Door
	if len(secret) > 64 || secret == "" {
		return out, errNoDoor()
	}
	s, err := one(ctx, q, ` where secret = $1 and secret <> ''`, digest(secret))
	if err == nil {
		out.Survey = s
		return out, d.open(ctx, &s)
	}
	if fault.Of(err) != fault.NotFound {
		return out, err
	}
	var siteID, id, answer string
	var spent int
	err = q.QueryRow(ctx, `select site_id, survey_id, language, spent, answer from survey_invite where secret = $1`, digest(secret)).Scan(&siteID, &id, &out.Language, &spent, &answer)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return out, errNoDoor()
		}
		return out, err
	}
	if out.Survey, err = d.find(ctx, q, siteID, id); err != nil {
		return out, err
	}
	if err := d.open(ctx, &out.Survey); err != nil {
		return out, err
	}
	out.Spent = spent != 0
	if answer != "" {
		out.Answer = d.answerOf(id, secret)
	}
	return out, nil
}

// open refuses a survey that takes no answer now.
func (d *Desk) open(ctx context.Context, s *Survey) error {
	here, err := d.Site(ctx, s.Site)
	if err == nil && !s.takes(here.Day(d.Now())) {
		err = errNoDoor()
	}
	return err
}

// answerOf is the secret of the answer of an invitation to a survey that is not anonymous.
func (d *Desk) answerOf(survey, invitation string) string {
	return d.derive("answer", survey, invitation)
}

// Begin begins an answer and returns its secret: who has it goes on with the answer. Of
// an anonymous survey nobody else has it, and the invitation is only marked as used.
// Conflict: it was used.
func (d *Desk) Begin(ctx context.Context, secret, language string) (answer string, err error) {
	o, err := d.door(ctx, d.DB, secret)
	if err != nil {
		return "", err
	}
	s := &o.Survey
	if !slices.Contains(s.Plan.Languages, language) {
		return "", fault.Errorf(fault.Invalid, "the survey is not asked in this language")
	}
	if o.Answer != "" {
		return o.Answer, nil // goes on
	}
	session, err := d.blank(ctx, s)
	if err != nil {
		return "", err
	}
	everybody := s.secret == digest(secret)
	a := newAnswer(s, language)
	answer = chance()
	if s.Mode != Anonymous {
		answer = d.answerOf(s.ID, secret)
	}
	a.answer = digest(answer)
	here, err := d.Site(ctx, s.Site)
	if err != nil {
		return "", err
	}
	a.day = here.Day(d.Now())
	if err := a.hold(session); err != nil {
		return "", err
	}
	return answer, d.DB.Write(ctx, func(tx *db.Tx) error {
		if s.Mode == Anonymous {
			if _, err := tx.Exec(ctx, `update survey set mixed = 0 where site_id = $1 and survey_id = $2`, s.Site, s.ID); err != nil {
				return err
			}
		}
		if everybody {
			return a.insert(ctx, tx)
		}
		n, err := tx.Exec(ctx, `update survey_invite set spent = 1, opened = 1 where secret = $1 and spent = 0`, digest(secret))
		if err != nil {
			return err
		}
		if n == 0 && s.Mode != Anonymous {
			return nil // by the same address at the same moment: both go on with one answer
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "this invitation was used. Nobody can say for which answer: go on with the address that you were given then")
		}
		if s.Mode != Anonymous {
			if _, err := tx.Exec(ctx, `update survey_invite set answer = $2 where secret = $1`, digest(secret), a.answer); err != nil {
				return err
			}
		}
		if a.stratum, err = d.stratum(ctx, tx, s, digest(secret)); err != nil {
			return err
		}
		return a.insert(ctx, tx)
	})
}

// stratum returns the group of an invitation, "" where so few are in it that it would
// tell of whom an answer is.
func (d *Desk) stratum(ctx context.Context, tx *db.Tx, s *Survey, secret string) (string, error) {
	if s.Plan.Group != StratumGroup {
		return "", nil
	}
	name, n := "", 0
	if err := tx.QueryRow(ctx, `select stratum from survey_invite where secret = $1`, secret).Scan(&name); err != nil {
		return "", err
	}
	if err := tx.QueryRow(ctx, `select count(*) from survey_invite where site_id = $1 and survey_id = $2 and stratum = $3`, s.Site, s.ID, name).Scan(&n); err != nil {
		return "", err
	}
	if s.Mode == Anonymous && n < s.Plan.Least {
		return "", nil
	}
	return name, nil
}

// An answer is a row.
type answer struct {
	slot                        int64
	site, survey, answer, state string
	usable                      int
	language, stratum, day      string
	revision, answered, asked   int
	resource                    string
}

func newAnswer(s *Survey, language string) *answer {
	return &answer{site: s.Site, survey: s.ID, state: Begun, language: language, revision: 1}
}

const selectAnswer = `select slot, site_id, survey_id, answer, state, usable, language, stratum, day, revision, answered, asked, resource from survey_answer`

func scanAnswer(r *db.Rows) (a answer, err error) {
	err = r.Scan(&a.slot, &a.site, &a.survey, &a.answer, &a.state, &a.usable, &a.language, &a.stratum, &a.day, &a.revision, &a.answered, &a.asked, &a.resource)
	return a, err
}

// insert keeps an answer for the first time, at a random place.
func (a *answer) insert(ctx context.Context, tx *db.Tx) error {
	for {
		a.slot = place()
		n, err := tx.Exec(ctx, `insert into survey_answer (slot, site_id, survey_id, answer, state, usable, language, stratum, day, revision, answered, asked, resource)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (slot) do nothing`,
			a.slot, a.site, a.survey, a.answer, a.state, a.usable, a.language, a.stratum, a.day, a.revision, a.answered, a.asked, a.resource)
		if err != nil || n == 1 {
			return err
		}
	}
}

// hold takes over what a session has, without a moment.
func (a *answer) hold(s *form.Session) error {
	a.answered, a.asked = s.Progress()
	status := "in-progress"
	if a.state == Complete {
		status = "completed"
	}
	r, err := s.Kept(form.Heading{Status: status})
	if err != nil {
		return err
	}
	a.resource = string(r.JSON())
	return nil
}

// blank begins a form. Nothing of the house answers for those who are asked.
func (d *Desk) blank(ctx context.Context, s *Survey) (*form.Session, error) {
	def, _, err := d.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return nil, err
	}
	return def.Begin(ctx, d.env(def))
}

// env is what expressions may ask of: the day, and no finer moment. Facts of the house are
// known to nobody who is asked.
func (d *Desk) env(def *form.Definition) fhirpath.Env {
	now := d.Now().UTC()
	env := fhirpath.Env{Now: time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC), Variables: map[string]fhirpath.Collection{}}
	for _, fact := range def.Facts() {
		env.Variables[fact] = nil
	}
	return env
}

// resume goes on with an answer.
func (d *Desk) resume(ctx context.Context, def *form.Definition, resource string) (*form.Session, error) {
	r, err := fhir.Parse([]byte(resource))
	if err != nil {
		return nil, err
	}
	return def.Resume(ctx, r, d.env(def))
}

// A Sheet is an answer while it is given.
type Sheet struct {
	Survey          Survey
	Open            bool // the survey takes answers
	State, Language string
	Revision        int
	Answered, Asked int
	Session         *form.Session
	Version         form.Version
	Refused         map[string]error // by path: answers that are none
}

// Sheet returns an answer to whoever has its secret.
func (d *Desk) Sheet(ctx context.Context, secret string) (Sheet, error) {
	a, err := d.answer(ctx, d.DB, secret)
	if err != nil {
		return Sheet{}, err
	}
	return d.sheet(ctx, &a)
}

func (d *Desk) answer(ctx context.Context, q db.Querier, secret string) (answer, error) {
	if len(secret) > 64 {
		return answer{}, errNoDoor()
	}
	all, err := db.List(ctx, q, scanAnswer, selectAnswer+` where answer = $1`, digest(secret))
	if err == nil && len(all) == 0 {
		err = errNoDoor()
	}
	if err != nil {
		return answer{}, err
	}
	return all[0], nil
}

func (d *Desk) sheet(ctx context.Context, a *answer) (Sheet, error) {
	s, err := d.find(ctx, d.DB, a.site, a.survey)
	if err != nil {
		return Sheet{}, err
	}
	def, version, err := d.Forms.Form(ctx, a.site, s.URL, s.Version)
	if err != nil {
		return Sheet{}, err
	}
	here, err := d.Site(ctx, a.site)
	if err != nil {
		return Sheet{}, err
	}
	session, err := d.resume(ctx, def, a.resource)
	return Sheet{Survey: s, Open: s.takes(here.Day(d.Now())), State: a.state, Language: a.language, Revision: a.revision, Answered: a.answered, Asked: a.asked, Session: session, Version: version}, err
}

// Save keeps what somebody answered, and with send says that it is all. Invalid with
// send: something is missing or wrong; what was saved stays. A group that has enough
// answers ends the answer with that message, and it is counted as such. Conflict: the
// survey is closed, the answer was sent, or it was changed in another window meanwhile.
func (d *Desk) Save(ctx context.Context, secret string, revision int, edits []form.Edit, send bool) (Sheet, error) {
	a, err := d.answer(ctx, d.DB, secret)
	if err != nil {
		return Sheet{}, err
	}
	sh, err := d.sheet(ctx, &a)
	if err != nil {
		return sh, err
	}
	switch {
	case !sh.Open:
		return sh, fault.Errorf(fault.Conflict, "the survey is closed: it takes no answer any more")
	case a.state != Begun:
		return sh, fault.Errorf(fault.Conflict, "the answer was sent and does not change any more")
	case a.revision != revision:
		return sh, fault.Errorf(fault.Conflict, "the answer was changed in another window meanwhile: look at it again")
	}
	rules, err := d.Rules(a.site)
	if err != nil {
		return sh, err
	}
	if sh.Refused, err = sh.Session.Apply(ctx, edits, ""); err != nil {
		return sh, err
	}
	gaps, err := sh.Session.Gaps(ctx)
	if err != nil {
		return sh, err
	}
	missing := 0
	for _, g := range gaps {
		if !g.Minor {
			missing++
		}
	}
	if send && missing == 0 && len(sh.Refused) == 0 {
		a.state = Complete
	}
	here, err := d.Site(ctx, a.site)
	if err != nil {
		return sh, err
	}
	a.day = here.Day(d.Now())
	err = d.DB.Write(ctx, func(tx *db.Tx) error { return d.keep(ctx, tx, &sh, &a, rules) })
	if err != nil {
		return sh, err
	}
	sh.State, sh.Revision, sh.Answered, sh.Asked = a.state, a.revision, a.answered, a.asked
	if send && a.state == Begun {
		return sh, fault.Errorf(fault.Invalid, "%d questions are to be answered or put right first", missing+len(sh.Refused))
	}
	return sh, nil
}

// keep writes an answer back, unless somebody else did meanwhile.
func (d *Desk) keep(ctx context.Context, tx *db.Tx, sh *Sheet, a *answer, rules Rules) error {
	state := ""
	if err := tx.QueryRow(ctx, `select state from survey where site_id = $1 and survey_id = $2`, a.site, a.survey).Scan(&state); err != nil {
		return err
	}
	if state != Open {
		return fault.Errorf(fault.Conflict, "the survey is closed: it takes no answer any more")
	}
	if len(sh.Survey.Plan.Quotas) > 0 { // one after the other, or two would be the last
		full, err := d.full(ctx, tx, sh, a.state == Complete)
		if err != nil {
			return err
		}
		if full {
			a.state = Full
		}
	}
	if err := a.hold(sh.Session); err != nil {
		return err
	}
	a.usable = 0
	if a.answered > 0 && a.answered*100 >= a.asked*rules.Usable {
		a.usable = 1
	}
	n, err := tx.Exec(ctx, `update survey_answer set state = $3, usable = $4, day = $5, revision = revision + 1, answered = $6, asked = $7, resource = $8 where answer = $1 and revision = $2`,
		a.answer, a.revision, a.state, a.usable, a.day, a.answered, a.asked, a.resource)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "the answer was changed in another window meanwhile: look at it again")
	}
	a.revision++
	if a.state != Complete {
		return nil
	}
	return d.texts(ctx, tx, sh)
}

// full reports whether a group of an answer has enough already. A complete answer of a
// group that has room takes its place.
func (*Desk) full(ctx context.Context, tx *db.Tx, sh *Sheet, take bool) (bool, error) {
	var in []Quota
	for _, q := range sh.Survey.Plan.Quotas {
		if q.LinkID == "" || chosen(sh.Session, q.LinkID) == q.Option {
			in = append(in, q)
		}
	}
	for _, q := range in { // the lock of a row makes one wait for the other
		s := &sh.Survey
		_, err := tx.Exec(ctx, `insert into survey_quota (site_id, survey_id, link_id, choice, taken) values ($1, $2, $3, $4, 0)
			on conflict (site_id, survey_id, link_id, choice) do update set taken = survey_quota.taken`, s.Site, s.ID, q.LinkID, q.Option)
		if err != nil {
			return false, err
		}
		taken := 0
		err = tx.QueryRow(ctx, `select taken from survey_quota where site_id = $1 and survey_id = $2 and link_id = $3 and choice = $4`, s.Site, s.ID, q.LinkID, q.Option).Scan(&taken)
		if err != nil || taken >= q.Most {
			return err == nil, err
		}
	}
	if !take {
		return false, nil
	}
	for _, q := range in {
		_, err := tx.Exec(ctx, `update survey_quota set taken = taken + 1 where site_id = $1 and survey_id = $2 and link_id = $3 and choice = $4`, sh.Survey.Site, sh.Survey.ID, q.LinkID, q.Option)
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// chosen is the place of the option that was chosen, -1 for none.
func chosen(s *form.Session, linkID string) int {
	place := -1
	visit(s.Nodes, func(n *form.Node) {
		if n.Item.LinkID == linkID && len(n.Answers) > 0 {
			place = n.Item.Chosen(n.Answers[0])
		}
	})
	return place
}
