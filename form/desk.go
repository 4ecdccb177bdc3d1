package form

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/journal"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of this room for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Journal takes what people do. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Desk keeps forms and the answers to them. It is safe for concurrent use.
type Desk struct {
	DB      *db.DB
	Journal Journal
	Now     func() time.Time
	// Shipped returns the forms that content ships; nil: none.
	Shipped func(siteID string) ([]fhir.Resource, error)
	// Env returns what expressions may ask of their surroundings; nil: of nothing but
	// the time.
	Env func(ctx context.Context, siteID string) fhirpath.Env
	// Evidence computes the facts that forms name; nil: none is connected.
	Evidence Evidence

	mu       sync.Mutex
	opened   map[string]*Definition // by site, url, version and digest
	measured map[string]measured    // by site and id of the fact
}

// States of a version of a form.
const (
	Draft   = "draft"
	Active  = "active"
	Retired = "retired"
)

// A Version is one of a form.
type Version struct {
	Site, URL, Version, Title, State, Digest string
	Shipped                                  bool // by content: nobody at the site may change it
	MadeBy, PublishedBy                      string
	MadeAt, PublishedAt                      time.Time
	Resource                                 fhir.Resource
}

// Bounds of what is kept.
const (
	MaxForm     = 4 << 20 // bytes of a Questionnaire
	maxTitle    = 200
	maxReason   = 2_000
	maxOpened   = 64
	maxLinkDays = 366
)

// Put keeps a draft: a new one, or in the place of the draft of that version. Invalid,
// with the problems: it cannot be asked. Conflict: the version was published, and others
// may have answered it: make the next one.
func (d *Desk) Put(ctx context.Context, siteID string, text []byte, by string) (Version, []Problem, error) {
	if len(text) > MaxForm {
		return Version{}, nil, fault.Errorf(fault.Exhausted, "the form is longer than %d bytes", MaxForm)
	}
	r, err := fhir.Parse(text)
	if err != nil {
		return Version{}, nil, err
	}
	return d.put(ctx, siteID, r, "", by)
}

// put keeps a draft; was is the digest of the draft that it is made of, "" for any.
func (d *Desk) put(ctx context.Context, siteID string, r fhir.Resource, was, by string) (Version, []Problem, error) {
	def, problems := Parse(r)
	if def == nil {
		return Version{}, problems, fault.Errorf(fault.Invalid, "the form cannot be asked: %d problems, the first: %v", len(problems), problems[0])
	}
	v := Version{Site: siteID, URL: def.URL, Version: def.Version, Title: title(r), State: Draft, MadeBy: by, MadeAt: d.Now(), Resource: r, Digest: digest(r)}
	switch {
	case v.URL == "" || len(v.URL) > maxTitle || !strings.Contains(v.URL, ":"):
		return v, problems, fault.Errorf(fault.Invalid, "the form needs a canonical url, such as https://example.org/forms/room")
	case v.Version == "" || len(v.Version) > 50 || strings.Contains(v.Version, "|"):
		return v, problems, fault.Errorf(fault.Invalid, "the form needs a version, such as 1.0")
	}
	err := d.DB.Write(ctx, func(tx *db.Tx) error {
		var state, digest string
		err := tx.QueryRow(ctx, `select state, digest from form_version where site_id = $1 and url = $2 and version = $3`, siteID, v.URL, v.Version).Scan(&state, &digest)
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		if err == nil && state != Draft {
			return fault.Errorf(fault.Conflict, "version %s was published: give the changed form the next version", v.Version)
		}
		if was != "" && was != digest {
			return fault.Errorf(fault.Conflict, "somebody else changed the form meanwhile: it is shown as it is now; do again what is missing")
		}
		if shipped, err := d.shipped(siteID, v.URL, v.Version); err != nil || shipped != nil {
			if err != nil {
				return err
			}
			return fault.Errorf(fault.Conflict, "version %s comes with the program: give the changed form another version", v.Version)
		}
		_, err = tx.Exec(ctx, `insert into form_version (site_id, url, version, title, state, resource, digest, made_by, made_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			on conflict (site_id, url, version) do update set title = excluded.title, resource = excluded.resource, digest = excluded.digest,
			made_by = excluded.made_by, made_at = excluded.made_at`,
			siteID, v.URL, v.Version, v.Title, v.State, string(r.JSON()), v.Digest, by, db.Millis(v.MadeAt))
		if err != nil {
			return err
		}
		return d.note(ctx, tx, siteID, by, "form.version.drafted", "", map[string]any{"url": v.URL, "version": v.Version, "digest": v.Digest})
	})
	return v, problems, err
}

// title is by what people know a form.
func title(r fhir.Resource) string {
	for _, path := range []string{"title", "name", "url"} {
		if t := r.Get(path).Text(); t != "" {
			return strings.ToValidUTF8(t[:min(len(t), maxTitle)], "")
		}
	}
	return ""
}

func digest(r fhir.Resource) string {
	sum := sha256.Sum256(r.JSON())
	return hex.EncodeToString(sum[:])
}

// note writes to the journal.
func (d *Desk) note(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return d.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

// Publish lets a draft be answered, or with Retired ends that.
func (d *Desk) Publish(ctx context.Context, siteID, url, version, state, by string) error {
	want := map[string]string{Active: Draft, Retired: Active}[state]
	if want == "" {
		return fault.Errorf(fault.Invalid, "a version becomes active or retired, and not %s", cut(state))
	}
	if state == Active {
		def, _, err := d.Form(ctx, siteID, url, version)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(def.All(), func(it *Item) bool { return it.Type != Group && it.Type != Display }) {
			return fault.Errorf(fault.Invalid, "the form asks nothing: put a question into it before it is published")
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update form_version set state = $4, published_by = $5, published_at = $6 where site_id = $1 and url = $2 and version = $3 and state = $7`,
			siteID, url, version, state, by, db.Millis(d.Now()), want)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "there is no version %s of this form that is %s", cut(version), want)
		}
		return d.note(ctx, tx, siteID, by, "form.version."+state, "", map[string]any{"url": url, "version": version})
	})
}

// shipped returns a version that comes with the program, nil if none does.
func (d *Desk) shipped(siteID, url, version string) (*Version, error) {
	all, err := d.shippedAll(siteID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].URL == url && all[i].Version == version {
			return &all[i], nil
		}
	}
	return nil, nil
}

func (d *Desk) shippedAll(siteID string) (all []Version, err error) {
	if d.Shipped == nil {
		return nil, nil
	}
	list, err := d.Shipped(siteID)
	for _, r := range list {
		all = append(all, Version{
			Site: siteID, URL: r.Get("url").Text(), Version: r.Get("version").Text(), Title: title(r), State: r.Get("status").Text(),
			Shipped: true, Resource: r, Digest: digest(r),
		})
	}
	return all, err
}

// Versions returns all versions of all forms, by url, those that come with the program
// among them.
func (d *Desk) Versions(ctx context.Context, siteID string) ([]Version, error) {
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (v Version, err error) {
		var made, published int64
		err = r.Scan(&v.Site, &v.URL, &v.Version, &v.Title, &v.State, &v.Digest, &v.MadeBy, &made, &v.PublishedBy, &published)
		v.MadeAt, v.PublishedAt = db.FromMillis(made), db.FromMillis(published)
		return v, err
	}, `select site_id, url, version, title, state, digest, made_by, made_at, published_by, published_at from form_version where site_id = $1`, siteID)
	if err != nil {
		return nil, err
	}
	shipped, err := d.shippedAll(siteID)
	all = append(all, shipped...)
	slices.SortStableFunc(all, func(a, b Version) int {
		if c := strings.Compare(a.URL, b.URL); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	return all, err
}

// Form returns a version of a form made ready to be asked. NotFound: there is none.
func (d *Desk) Form(ctx context.Context, siteID, url, version string) (*Definition, Version, error) {
	v, err := d.version(ctx, d.DB, siteID, url, version)
	if err != nil {
		return nil, v, err
	}
	def, err := d.open(v)
	return def, v, err
}

func (d *Desk) version(ctx context.Context, q db.Querier, siteID, url, version string) (Version, error) {
	if v, err := d.shipped(siteID, url, version); err != nil || v != nil {
		if err != nil {
			return Version{}, err
		}
		return *v, nil
	}
	v := Version{Site: siteID, URL: url, Version: version}
	var text string
	var made, published int64
	err := q.QueryRow(ctx, `select title, state, resource, digest, made_by, made_at, published_by, published_at from form_version
		where site_id = $1 and url = $2 and version = $3`, siteID, url, version).
		Scan(&v.Title, &v.State, &text, &v.Digest, &v.MadeBy, &made, &v.PublishedBy, &published)
	if fault.Of(err) == fault.NotFound {
		return v, fault.Errorf(fault.NotFound, "there is no form %s in version %s", cut(url), cut(version))
	}
	if err != nil {
		return v, err
	}
	v.MadeAt, v.PublishedAt = db.FromMillis(made), db.FromMillis(published)
	v.Resource, err = fhir.Parse([]byte(text))
	return v, err
}

// open makes a version ready, once.
func (d *Desk) open(v Version) (*Definition, error) {
	key := v.Site + " " + v.Digest
	d.mu.Lock()
	def := d.opened[key]
	d.mu.Unlock()
	if def != nil {
		return def, nil
	}
	def, err := Open(v.Resource)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened == nil || len(d.opened) >= maxOpened {
		d.opened = map[string]*Definition{}
	}
	d.opened[key] = def
	return def, nil
}

// env returns what expressions of a form may ask: of facts, what was measured last.
func (d *Desk) env(ctx context.Context, siteID string, def *Definition) fhirpath.Env {
	var env fhirpath.Env
	if d.Env != nil {
		env = d.Env(ctx, siteID)
	}
	if env.Now.IsZero() {
		env.Now = d.Now()
	}
	return d.withFacts(env, siteID, def)
}

// States of a response.
const (
	InProgress = "in_progress"
	Completed  = "completed"
	Amended    = "amended" // signed, and opened again
	Stopped    = "stopped"
)

// A Response is what was answered to a form, and how far.
type Response struct {
	Site, ID, URL, Version, Title string
	About, Person                 string // see form_response
	State                         string
	Revision                      int
	Answered, Asked               int
	OpenedBy, SignedBy            string
	OpenedAt, SavedAt, SignedAt   time.Time
	// Measured are the facts beside the questions by id, as they were when it was signed;
	// nil before.
	Measured map[string]evidence.Value
}

// A Start says what is to be answered.
type Start struct {
	URL, Version, Title, About, Person string
	By                                 string
	Env                                fhirpath.Env // variables of the context in which it is asked
}

// Start begins to answer an active form.
func (d *Desk) Start(ctx context.Context, siteID string, s Start) (Response, *Session, error) {
	def, v, err := d.Form(ctx, siteID, s.URL, s.Version)
	if err != nil {
		return Response{}, nil, err
	}
	if v.State != Active {
		return Response{}, nil, fault.Errorf(fault.Conflict, "version %s of the form is %s: active ones can be answered", v.Version, v.State)
	}
	if _, err := d.Measured(ctx, siteID, def); err != nil {
		return Response{}, nil, err
	}
	env := d.env(ctx, siteID, def)
	for name, value := range s.Env.Variables {
		if env.Variables == nil {
			env.Variables = map[string]fhirpath.Collection{}
		}
		env.Variables[name] = value
	}
	session, err := def.Begin(ctx, env)
	if err != nil {
		return Response{}, nil, err
	}
	now := d.Now()
	r := Response{
		Site: siteID, ID: db.NewID(), URL: v.URL, Version: v.Version, Title: strings.ToValidUTF8(s.Title[:min(len(s.Title), maxTitle)], ""), About: s.About, Person: s.Person,
		State: InProgress, Revision: 1, OpenedBy: s.By, OpenedAt: now, SavedAt: now,
	}
	if r.Title == "" {
		r.Title = v.Title
	}
	text, err := r.text(session)
	if err != nil {
		return r, nil, err
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into form_response (site_id, response_id, url, version, title, about, person, state, revision, answered, asked, resource, opened_by, opened_at, saved_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			siteID, r.ID, r.URL, r.Version, r.Title, r.About, r.Person, r.State, r.Revision, r.Answered, r.Asked, text, r.OpenedBy, db.Millis(now), db.Millis(now))
		if err != nil {
			return err
		}
		if err := d.changed(ctx, tx, &r, 1, "", "opened", nil, "", s.By); err != nil {
			return err
		}
		return d.note(ctx, tx, siteID, s.By, "form.response.opened", r.ID, map[string]any{"url": r.URL, "version": r.Version})
	})
	return r, session, err
}

// text writes the answers as they are kept, and counts them.
func (r *Response) text(s *Session) (string, error) {
	r.Answered, r.Asked = s.Progress()
	status := map[string]string{InProgress: "in-progress", Completed: "completed", Amended: "amended", Stopped: "stopped"}[r.State]
	whole, err := s.keep(Heading{ID: r.ID, Status: status, Authored: r.SavedAt})
	if err != nil {
		return "", err
	}
	return string(whole.JSON()), nil
}

// keep writes all answers, those too that are not asked for now: they come back with
// their question.
func (s *Session) keep(h Heading) (fhir.Resource, error) {
	w := writer{all: true, keep: true}
	return fhir.New("QuestionnaireResponse", fhir.F("id", h.ID), fhir.F("questionnaire", s.Canonical()), fhir.F("status", h.Status),
		fhir.F("authored", h.Authored), fhir.F("item", w.items(s.root.Nodes)))
}

// changed notes who did what.
func (d *Desk) changed(ctx context.Context, tx *db.Tx, r *Response, ordinal int, path, what string, answers []*Answer, reason, by string) error {
	var list []any
	for _, a := range answers {
		list = append(list, fhir.Object(fhir.F(a.Name, a.Value)))
	}
	text := "[]"
	if v := fhir.Object(fhir.F("answer", fhir.List(list...))); v.Exists() {
		text = string(v.AppendJSON(nil))
	}
	_, err := tx.Exec(ctx, `insert into form_change (site_id, response_id, revision, ordinal, path, what, answers, reason, done_by, done_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		r.Site, r.ID, r.Revision, ordinal, path, what, text, reason, by, db.Millis(r.SavedAt))
	return err
}

const selectResponse = `select site_id, response_id, url, version, title, about, person, state, revision, answered, asked, opened_by, opened_at, saved_at, signed_by, signed_at, measured, resource from form_response`

func scanResponse(r interface{ Scan(...any) error }) (x Response, text string, err error) {
	var opened, saved, signed int64
	var measured string
	err = r.Scan(&x.Site, &x.ID, &x.URL, &x.Version, &x.Title, &x.About, &x.Person, &x.State, &x.Revision, &x.Answered, &x.Asked, &x.OpenedBy, &opened, &saved, &x.SignedBy, &signed, &measured, &text)
	x.OpenedAt, x.SavedAt, x.SignedAt = db.FromMillis(opened), db.FromMillis(saved), db.FromMillis(signed)
	if err == nil && measured != "" {
		err = json.Unmarshal([]byte(measured), &x.Measured)
	}
	return x, text, err
}

// Response returns a response with its answers. NotFound: there is none.
func (d *Desk) Response(ctx context.Context, siteID, id string) (Response, *Session, error) {
	if _, err := d.measuredFor(ctx, siteID, id); err != nil {
		return Response{}, nil, err
	}
	return d.response(ctx, d.DB, siteID, id)
}

// hold keeps others from writing a response until tx ends.
func hold(ctx context.Context, tx *db.Tx, siteID, id string) error {
	_, err := tx.Exec(ctx, `update form_response set revision = revision where site_id = $1 and response_id = $2`, siteID, id)
	return err
}

func (d *Desk) response(ctx context.Context, q db.Querier, siteID, id string) (Response, *Session, error) {
	r, text, err := scanResponse(q.QueryRow(ctx, selectResponse+` where site_id = $1 and response_id = $2`, siteID, id))
	if fault.Of(err) == fault.NotFound {
		return r, nil, fault.Errorf(fault.NotFound, "there is no response %s", cut(id))
	}
	if err != nil {
		return r, nil, err
	}
	v, err := d.version(ctx, q, siteID, r.URL, r.Version)
	if err != nil {
		return r, nil, err
	}
	def, err := d.open(v)
	if err != nil {
		return r, nil, err
	}
	kept, err := fhir.Parse([]byte(text))
	if err != nil {
		return r, nil, err
	}
	s, err := def.Resume(ctx, kept, d.env(ctx, siteID, def))
	return r, s, err
}

// Responses returns the responses to a form, or those about something, the latest first.
func (d *Desk) Responses(ctx context.Context, siteID, url, about string) ([]Response, error) {
	where, args := ` where site_id = $1`, []any{siteID}
	if url != "" {
		args = append(args, url)
		where += ` and url = $` + strconv.Itoa(len(args))
	}
	if about != "" {
		args = append(args, about)
		where += ` and about <> '' and about = $` + strconv.Itoa(len(args))
	}
	return db.List(ctx, d.DB, func(r *db.Rows) (Response, error) {
		x, _, err := scanResponse(r)
		return x, err
	}, selectResponse+where+` order by saved_at desc, response_id limit 1000`, args...)
}

// An Edit is what somebody does to one place of a response.
type Edit struct {
	Path  string   // of the question or group; see Node.Path
	Texts []string // answers as they were typed; none takes them away
	// What is to be done: "", add or remove of a group that repeats, or measured: what the
	// evidence says becomes the answer.
	What string
	// Attached are answers that cannot be typed.
	Attached []*Answer
}

// A Clash is a question that somebody else answered meanwhile: their answer stays.
type Clash struct {
	Path, By string
	At       time.Time
}

// Saved is what became of edits.
type Saved struct {
	Response
	Clashes []Clash
	Refused map[string]error // by path: answers that are none of the type, or no question
}

// Save applies edits that were made on a revision. What others answered since stays, and
// is told; everything else is kept at once. within, if not "", is the group that whoever
// saves may answer. Conflict: the response is signed or was stopped.
func (d *Desk) Save(ctx context.Context, siteID, id string, revision int, edits []Edit, within, by string) (Saved, *Session, error) {
	var out Saved
	var session *Session
	facts, err := d.measuredFor(ctx, siteID, id) // before others wait for us
	if err != nil {
		return out, nil, err
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		out = Saved{Refused: map[string]error{}}
		if err := hold(ctx, tx, siteID, id); err != nil {
			return err
		}
		r, s, err := d.response(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		session = s
		if r.State != InProgress && r.State != Amended {
			return fault.Errorf(fault.Conflict, "the answers are %s: open them again to change them", r.State)
		}
		since, err := d.since(ctx, tx, siteID, id, revision, by)
		if err != nil {
			return err
		}
		r.Revision++
		r.SavedAt = d.Now()
		ordinal := 0
		for _, e := range edits {
			if c, ok := since[e.Path]; ok {
				out.Clashes = append(out.Clashes, c)
				continue
			}
			what, answers, err := s.edit(e, facts, within, by)
			if err != nil {
				out.Refused[e.Path] = err
				continue
			}
			ordinal++
			if err := d.changed(ctx, tx, &r, ordinal, e.Path, what, answers, "", by); err != nil {
				return err
			}
		}
		if ordinal == 0 {
			r.Revision--
			out.Response = r
			return nil
		}
		if err := s.Evaluate(ctx); err != nil {
			return err
		}
		out.Response = r
		return d.write(ctx, tx, &out.Response, s)
	})
	return out, session, err
}

// since returns which questions others answered after a revision.
func (*Desk) since(ctx context.Context, tx *db.Tx, siteID, id string, revision int, by string) (map[string]Clash, error) {
	list, err := db.List(ctx, tx, func(r *db.Rows) (c Clash, err error) {
		var at int64
		err = r.Scan(&c.Path, &c.By, &at)
		c.At = db.FromMillis(at)
		return c, err
	}, `select path, done_by, done_at from form_change where site_id = $1 and response_id = $2 and revision > $3 and done_by <> $4 and path <> '' order by revision`, siteID, id, revision, by)
	all := map[string]Clash{}
	for _, c := range list {
		all[c.Path] = c
	}
	return all, err
}

// edit does one edit.
func (s *Session) edit(e Edit, facts map[string]evidence.Value, within, by string) (what string, answers []*Answer, err error) {
	n := s.Find(e.Path)
	if n == nil {
		return "", nil, fault.Errorf(fault.NotFound, "there is no question %s", cut(e.Path))
	}
	if within != "" && n.Item.LinkID != within && (s.byLink[within] == nil || !n.Item.Within(s.byLink[within])) {
		return "", nil, fault.Errorf(fault.Forbidden, "question %s is not among those that were given to you", cut(e.Path))
	}
	switch e.What {
	case "add":
		_, err = s.Add(n)
		return "added", nil, err
	case "remove":
		return "removed", nil, s.Remove(n)
	case "measured":
		a := n.Item.measured(facts[n.Item.Fact])
		if a == nil {
			return "", nil, fault.Errorf(fault.NotFound, "nothing was measured for question %s that could answer it", cut(e.Path))
		}
		return "measured", []*Answer{a}, s.Set(n, a)
	case "":
	default:
		return "", nil, fault.Errorf(fault.Invalid, "%s: add, remove or measured", cut(e.What))
	}
	if len(e.Texts) > maxRepeats {
		return "", nil, fault.Errorf(fault.Exhausted, "question %s: %d answers at most", cut(e.Path), maxRepeats)
	}
	answers = slices.Clone(e.Attached)
	for _, text := range e.Texts {
		a, err := n.Item.ReadAnswer(text)
		if err != nil {
			return "", nil, err
		}
		if a != nil {
			answers = append(answers, a)
		}
	}
	for _, a := range answers {
		if !n.Item.takes(a.Name) {
			return "", nil, fault.Errorf(fault.Invalid, "question %s takes no %s", cut(e.Path), cut(a.Name))
		}
		a.By = by
	}
	return "answered", answers, s.Set(n, answers...)
}

// write writes a response back.
func (d *Desk) write(ctx context.Context, tx *db.Tx, r *Response, s *Session) error {
	text, err := r.text(s)
	if err != nil {
		return err
	}
	measured := ""
	if len(r.Measured) > 0 {
		raw, err := json.Marshal(r.Measured)
		if err != nil {
			return fault.As(fault.Internal, err)
		}
		measured = string(raw)
	}
	_, err = tx.Exec(ctx, `update form_response set state = $3, revision = $4, answered = $5, asked = $6, resource = $7, saved_at = $8, signed_by = $9, signed_at = $10, measured = $11
		where site_id = $1 and response_id = $2`, r.Site, r.ID, r.State, r.Revision, r.Answered, r.Asked, text, db.Millis(r.SavedAt), r.SignedBy, db.Millis(r.SignedAt), measured)
	return err
}

// Sign closes a response. Invalid, with the number: something is still missing or wrong;
// see Session.Gaps.
func (d *Desk) Sign(ctx context.Context, siteID, id, by string) (Response, error) {
	measured, err := d.measuredFor(ctx, siteID, id)
	if err != nil {
		return Response{}, err
	}
	return d.turn(ctx, siteID, id, by, "signed", "", func(r *Response, s *Session) error {
		if r.State != InProgress && r.State != Amended {
			return fault.Errorf(fault.Conflict, "the answers are %s already", r.State)
		}
		gaps, err := s.Gaps(ctx)
		if err != nil {
			return err
		}
		if n := len(slices.DeleteFunc(gaps, func(g Gap) bool { return g.Minor })); n > 0 {
			return fault.Errorf(fault.Invalid, "%d questions are to be answered or put right first", n)
		}
		r.State, r.SignedBy, r.SignedAt = Completed, by, r.SavedAt
		r.Measured = measured
		return nil
	})
}

// Amend opens a signed response again, with a reason.
func (d *Desk) Amend(ctx context.Context, siteID, id, reason, by string) (Response, error) {
	if strings.TrimSpace(reason) == "" {
		return Response{}, fault.Errorf(fault.Invalid, "say why the answers are opened again")
	}
	if len(reason) > maxReason {
		return Response{}, fault.Errorf(fault.Exhausted, "the reason is longer than %d bytes", maxReason)
	}
	return d.turn(ctx, siteID, id, by, "amended", strings.TrimSpace(reason), func(r *Response, _ *Session) error {
		if r.State != Completed {
			return fault.Errorf(fault.Conflict, "the answers are %s: only signed ones are opened again", r.State)
		}
		r.State, r.SignedBy, r.SignedAt, r.Measured = Amended, "", time.Time{}, nil
		return nil
	})
}

// Stop ends a response that nobody goes on with.
func (d *Desk) Stop(ctx context.Context, siteID, id, by string) (Response, error) {
	return d.turn(ctx, siteID, id, by, "stopped", "", func(r *Response, _ *Session) error {
		if r.State != InProgress {
			return fault.Errorf(fault.Conflict, "the answers are %s", r.State)
		}
		r.State = Stopped
		return nil
	})
}

// turn brings a response into another state.
func (d *Desk) turn(ctx context.Context, siteID, id, by, what, reason string, do func(*Response, *Session) error) (r Response, err error) {
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := hold(ctx, tx, siteID, id); err != nil {
			return err
		}
		var s *Session
		if r, s, err = d.response(ctx, tx, siteID, id); err != nil {
			return err
		}
		r.SavedAt = d.Now()
		r.Revision++
		if err := do(&r, s); err != nil {
			return err
		}
		if err := d.changed(ctx, tx, &r, 1, "", what, nil, reason, by); err != nil {
			return err
		}
		if err := d.write(ctx, tx, &r, s); err != nil {
			return err
		}
		return d.note(ctx, tx, siteID, by, "form.response."+what, id, map[string]any{"url": r.URL, "version": r.Version, "revision": r.Revision})
	})
	return r, err
}

// A Done is what somebody did to a response.
type Done struct {
	Revision, Ordinal int
	Path, What, By    string
	Answers           string // JSON
	Reason            string // of an amendment
	At                time.Time
}

// History returns what was done to a response, the first first.
func (d *Desk) History(ctx context.Context, siteID, id string) ([]Done, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (x Done, err error) {
		var at int64
		err = r.Scan(&x.Revision, &x.Ordinal, &x.Path, &x.What, &x.Answers, &x.Reason, &x.By, &at)
		x.At = db.FromMillis(at)
		return x, err
	}, `select revision, ordinal, path, what, answers, reason, done_by, done_at from form_change where site_id = $1 and response_id = $2 order by revision, ordinal`, siteID, id)
}

// A Delegation lets somebody without an account answer a part of a form by a link.
type Delegation struct {
	Site, ID, Response, LinkID, Name, GivenBy string
	GivenAt, Until, Withdrawn                 time.Time
}

// Delegate gives a part of a response away, linkID being the group, "" all of it. The
// secret is for the link; only its digest is kept.
func (d *Desk) Delegate(ctx context.Context, g Delegation) (secret string, out Delegation, err error) {
	now := d.Now()
	g.ID, g.GivenAt, g.Withdrawn = db.NewID(), now, time.Time{}
	if g.Name = strings.TrimSpace(g.Name); g.Name == "" || len(g.Name) > maxTitle {
		return "", g, fault.Errorf(fault.Invalid, "say to whom the questions are given")
	}
	if !g.Until.After(now) || g.Until.After(now.AddDate(0, 0, maxLinkDays)) {
		return "", g, fault.Errorf(fault.Invalid, "the link has to end, within %d days", maxLinkDays)
	}
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return "", g, err
	}
	secret = base64.RawURLEncoding.EncodeToString(raw)
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		r, s, err := d.response(ctx, tx, g.Site, g.Response)
		if err != nil {
			return err
		}
		if g.LinkID != "" && (s.byLink[g.LinkID] == nil || s.byLink[g.LinkID].Type != Group) {
			return fault.Errorf(fault.NotFound, "there is no group %s in the form", cut(g.LinkID))
		}
		if r.State != InProgress && r.State != Amended {
			return fault.Errorf(fault.Conflict, "the answers are %s", r.State)
		}
		_, err = tx.Exec(ctx, `insert into form_delegation (site_id, delegation_id, secret, response_id, link_id, name, given_by, given_at, until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			g.Site, g.ID, secretDigest(secret), g.Response, g.LinkID, g.Name, g.GivenBy, db.Millis(now), db.Millis(g.Until))
		if err != nil {
			return err
		}
		return d.note(ctx, tx, g.Site, g.GivenBy, "form.response.delegated", g.Response, map[string]any{"delegation": g.ID, "group": g.LinkID})
	})
	return secret, g, err
}

func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Delegated returns what a link was given for. NotFound, and nothing else, whatever is
// wrong with it: it never was, it has ended, it was withdrawn.
func (d *Desk) Delegated(ctx context.Context, secret string) (Delegation, error) {
	var g Delegation
	var given, until, withdrawn int64
	err := d.DB.QueryRow(ctx, `select site_id, delegation_id, response_id, link_id, name, given_by, given_at, until, withdrawn_at from form_delegation where secret = $1`, secretDigest(secret)).
		Scan(&g.Site, &g.ID, &g.Response, &g.LinkID, &g.Name, &g.GivenBy, &given, &until, &withdrawn)
	g.GivenAt, g.Until, g.Withdrawn = db.FromMillis(given), db.FromMillis(until), db.FromMillis(withdrawn)
	if fault.Of(err) == fault.NotFound || err == nil && (withdrawn != 0 || !d.Now().Before(g.Until)) {
		return Delegation{}, fault.Errorf(fault.NotFound, "this link leads to no questions any more: ask whoever gave it to you for another")
	}
	return g, err
}

// Delegations returns the links to a response, the first first.
func (d *Desk) Delegations(ctx context.Context, siteID, response string) ([]Delegation, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (g Delegation, err error) {
		var given, until, withdrawn int64
		g.Site, g.Response = siteID, response
		err = r.Scan(&g.ID, &g.LinkID, &g.Name, &g.GivenBy, &given, &until, &withdrawn)
		g.GivenAt, g.Until, g.Withdrawn = db.FromMillis(given), db.FromMillis(until), db.FromMillis(withdrawn)
		return g, err
	}, `select delegation_id, link_id, name, given_by, given_at, until, withdrawn_at from form_delegation where site_id = $1 and response_id = $2 order by given_at, delegation_id`, siteID, response)
}

// Try begins a form without keeping anything.
func (d *Desk) Try(ctx context.Context, siteID string, def *Definition) (*Session, error) {
	if _, err := d.Measured(ctx, siteID, def); err != nil {
		return nil, err
	}
	return def.Begin(ctx, d.env(ctx, siteID, def))
}

// Trial goes on trying a form: kept is what Kept wrote before, "" at the beginning. What is
// refused is told by path. Nothing is kept here.
func (d *Desk) Trial(ctx context.Context, siteID string, def *Definition, kept string, edits []Edit) (s *Session, refused map[string]error, err error) {
	facts, err := d.Measured(ctx, siteID, def)
	if err != nil {
		return nil, nil, err
	}
	if kept == "" {
		s, err = def.Begin(ctx, d.env(ctx, siteID, def))
	} else {
		var r fhir.Resource
		if r, err = fhir.Parse([]byte(kept)); err == nil {
			s, err = def.Resume(ctx, r, d.env(ctx, siteID, def))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	refused, err = s.apply(ctx, edits, facts, "")
	return s, refused, err
}

// Withdraw ends a link at once.
func (d *Desk) Withdraw(ctx context.Context, siteID, delegation, by string) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update form_delegation set withdrawn_at = $3 where site_id = $1 and delegation_id = $2 and withdrawn_at = 0`, siteID, delegation, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "there is no such link, or it was withdrawn before")
		}
		return d.note(ctx, tx, siteID, by, "form.response.withdrawn", delegation, map[string]any{})
	})
}
