package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
)

// Directions of a target.
const (
	Min     = "min"     // at least the target
	Max     = "max"     // at most the target
	Present = "present" // it is there and inside its review window
	Rules   = "rules"   // several rules, each met or not
	Local   = "local"   // the site sets target and direction first
	Compare = "compare" // two providers beside each other
)

// Set is the content set of the templates.
const Set = "audit/template"

// A Basis is an article that a template serves.
type Basis struct {
	Act, Article string
	Verified     bool // the article was read; otherwise it is to be confirmed
}

// A Template is what an audit asks.
type Template struct {
	ID            string
	Class         string            // regulatory, clinical, service
	Titles        map[string]string // by language
	Basis         []Basis
	Background    string
	Standard      string
	Direction     string
	Target        float64 // share, 0 to 1
	HasTarget     bool
	TargetText    string
	TargetNote    string
	Indicator     string
	Items         []string // what is noted of each case
	Census        bool
	SampleN       int // 0: none is named
	SampleMethod  string
	SampleText    string
	Evidence      []string
	Manual        bool
	ReauditMonths int
	Topic2019     int // of the guide of 2019, 0: none
	Origin        string
	Own           bool // of the site
	Version       int  // of an own template; of the content its digest speaks
	Draft         bool // no clinician signed it
}

// Title is the title in a language, else in English.
func (t *Template) Title(language string) string {
	return cmp.Or(t.Titles[language], t.Titles["en"], t.ID)
}

// Confirm reports whether an article of the template is to be confirmed.
func (t *Template) Confirm() bool {
	return slices.ContainsFunc(t.Basis, func(b Basis) bool { return !b.Verified })
}

// Digest is the SHA-256 of the whole template in hexadecimal: a template with another
// digest is another definition.
func (t *Template) Digest() string {
	raw, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers
	}
	return digest(raw)
}

// Settings are the numbers of the content by which audits are decided.
type Settings struct {
	IntervalZ, SizeZ, Share, Margin, FailureLevel float64
	RemindDays                                    int
	Ref                                           content.Ref
}

// Settings reads them. Invalid: one is missing.
func (d *Desk) Settings(siteID string) (s Settings, err error) {
	table, err := d.Content.Table(siteID, Set, "rules")
	if err != nil {
		return s, err
	}
	var days float64
	into := map[string]*float64{
		"interval_z": &s.IntervalZ, "size_z": &s.SizeZ, "size_share": &s.Share, "size_margin": &s.Margin,
		"failure_level": &s.FailureLevel, "remind_days": &days,
	}
	for row := range table.All() {
		key := row.Text("key")
		if n, ok := row.Number("value"); ok && into[key] != nil {
			*into[key] = n
			delete(into, key)
		}
	}
	for key := range into {
		return s, fault.Errorf(fault.Invalid, "rule %s is missing in %s", key, Set)
	}
	s.RemindDays = int(days)
	if set, ok := d.Content.Set(siteID, Set); ok {
		s.Ref = set.Ref()
	}
	return s, nil
}

// Templates returns those of the content and the latest versions of the site's own, in
// the order of their ids, first those of the content.
func (d *Desk) Templates(ctx context.Context, siteID string) ([]Template, error) {
	all, err := d.shipped(siteID)
	if err != nil {
		return nil, err
	}
	own, err := db.List(ctx, d.DB, scanTemplate, `select version, body from audit_template where site_id = $1 order by template_id, version desc`, siteID)
	if err != nil {
		return nil, err
	}
	own = slices.CompactFunc(own, func(a, b Template) bool { return a.ID == b.ID })
	return append(all, own...), nil
}

// Template returns one, an own one in its latest version. NotFound: there is none.
func (d *Desk) Template(ctx context.Context, siteID, id string) (Template, error) {
	all, err := d.Templates(ctx, siteID)
	if err != nil {
		return Template{}, err
	}
	i := slices.IndexFunc(all, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return Template{}, fault.Errorf(fault.NotFound, "no audit template %.40q: \"radagora audit templates\" lists them", id)
	}
	return all[i], nil
}

func scanTemplate(r *db.Rows) (t Template, err error) {
	var version int
	var body string
	if err := r.Scan(&version, &body); err != nil {
		return t, err
	}
	err = json.Unmarshal([]byte(body), &t)
	t.Own, t.Version = true, version
	return t, err
}

// shipped reads the templates of the content.
func (d *Desk) shipped(siteID string) ([]Template, error) {
	set, ok := d.Content.Set(siteID, Set)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no content set %s", Set)
	}
	table, err := set.Table("basis")
	if err != nil {
		return nil, err
	}
	basis := map[string][]Basis{}
	for row := range table.All() {
		id := row.Text("template")
		basis[id] = append(basis[id], Basis{Act: row.Text("act"), Article: row.Text("article"), Verified: row.Yes("verified")})
	}
	if table, err = set.Table("templates"); err != nil {
		return nil, err
	}
	return content.Collect(table, func(r *content.Row) Template {
		t := Template{
			ID: r.Text("id"), Class: r.Text("class"), Titles: map[string]string{}, Basis: basis[r.Text("id")],
			Background: r.Text("background"), Standard: r.Text("standard"), Direction: r.Text("direction"),
			TargetText: r.Text("target_text"), TargetNote: r.Text("target_note"), Indicator: r.Text("indicator"),
			Items: r.List("data_items"), Census: r.Yes("census"), SampleMethod: r.Text("sample_method"), SampleText: r.Text("sample_text"),
			Evidence: r.List("evidence"), Manual: r.Text("collection") == "manual", Origin: r.Text("origin"), Draft: set.Status == content.Draft,
		}
		for _, language := range []string{"en", "de", "fr"} {
			t.Titles[language] = r.Text("title_" + language)
		}
		t.Target, t.HasTarget = r.Number("target")
		t.SampleN, _ = r.Int("sample_n")
		t.ReauditMonths, _ = r.Int("reaudit_months")
		t.Topic2019, _ = r.Int("topic_2019")
		return t
	})
}

// ownID is what a site may call a template of its own.
var ownID = regexp.MustCompile(`^X[A-Z0-9_]{1,19}$`)

// PutTemplate keeps an own template as its next version and returns that. Audits that
// began with an earlier version stay with it. Invalid: it cannot be asked.
func (d *Desk) PutTemplate(ctx context.Context, siteID, by string, t Template) (Template, error) {
	if err := d.askable(&t); err != nil {
		return t, err
	}
	t.Own, t.Draft, t.Origin = true, true, "own"
	err := d.DB.Write(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `select coalesce(max(version), 0) + 1 from audit_template where site_id = $1 and template_id = $2`, siteID, t.ID).Scan(&t.Version)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into audit_template (site_id, template_id, version, body, made_by, made_at) values ($1, $2, $3, $4, $5, $6)`,
			siteID, t.ID, t.Version, string(raw), by, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.template.changed", t.ID, map[string]any{"version": t.Version, "digest": t.Digest()})
	})
	return t, err
}

// askable refuses a template that cannot be asked.
func (d *Desk) askable(t *Template) error {
	if !ownID.MatchString(t.ID) {
		return fault.Errorf(fault.Invalid, "the id of an own template is X and up to 19 capitals, digits or underscores, such as X_CONSENT")
	}
	if t.Titles == nil {
		t.Titles = map[string]string{}
	}
	for _, f := range []struct {
		what, value string
		needed      bool
	}{
		{"title", t.Titles["en"], true},
		{"standard", t.Standard, true},
		{"indicator", t.Indicator, true},
		{"background", t.Background, false},
		{"data items", strings.Join(t.Items, "; "), false},
	} {
		if err := text(f.what, f.value, maxText, f.needed); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{Min, Max, Present}, t.Direction) {
		return fault.Errorf(fault.Invalid, "direction: one of min, max, present")
	}
	if t.Direction == Present {
		t.Target, t.HasTarget = 1, true
	}
	if !t.HasTarget || !share(t.Target) {
		return fault.Errorf(fault.Invalid, "target: a share from 0 to 1 is needed, 0.95 for 95 %%")
	}
	for _, id := range t.Evidence {
		if def, ok := d.Evidence.Definition(id); !ok || def.Kind != evidence.Share && def.Kind != evidence.Rate && def.Kind != evidence.Count {
			return fault.Errorf(fault.Invalid, "evidence %.80q counts no cases: \"radagora evidence\" lists what there is", id)
		}
	}
	if t.SampleN < 0 || t.SampleN > maxCases {
		return fault.Errorf(fault.Invalid, "sample: 0 to %d cases", maxCases)
	}
	if t.ReauditMonths < 1 || t.ReauditMonths > 60 {
		return fault.Errorf(fault.Invalid, "re-audit: after 1 to 60 months")
	}
	t.Manual = len(t.Evidence) == 0
	return nil
}

// share reports whether x is 0 to 1.
func share(x float64) bool { return x >= 0 && x <= 1 }
