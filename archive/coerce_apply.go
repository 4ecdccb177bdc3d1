package archive

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// apply returns what r makes of a text.
func (r Rule) apply(was string) string {
	switch r.Do {
	case Set:
		return r.Text
	case Fill:
		if was == "" {
			return r.Text
		}
	case Prefix:
		if was != "" && !strings.HasPrefix(was, r.Text) {
			return r.Text + was
		}
	case Replace:
		if find, err := regexp.Compile(r.Find); err == nil {
			return strings.TrimSpace(find.ReplaceAllString(was, r.Text))
		}
	case Pad:
		if n := padded(r.Text); was != "" && digits(was) && len(was) < n {
			return strings.Repeat("0", n-len(was)) + was
		}
	case Empty:
		return ""
	}
	return was
}

// padded returns to how many digits a text says that is to be padded, 0 if it is none.
func padded(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 64 {
		return 0
	}
	return n
}

// on returns what c makes of a data set, and whether that is anything. What an attribute
// cannot hold is not made: half an identifier is the identifier of another person.
func (c *Coercion) on(d *dicom.Dataset) (fix, bool) {
	f := fix{Correction: Correction{ID: c.ID, Site: c.Site, Cause: ByPeer, At: c.At, Actor: c.Actor}, texts: map[tag.Tag]string{}}
	now := func(t tag.Tag) string {
		if s, ok := f.texts[t]; ok {
			return s
		}
		return strings.TrimSpace(d.Text(t))
	}
	for _, r := range c.Rules {
		was := now(r.Tag)
		if s := r.apply(was); s != was && fits(r.Tag, s) {
			f.texts[r.Tag] = s
		}
	}
	if c.Issuer != "" && now(tag.PatientID) != "" && now(tag.IssuerOfPatientID) == "" {
		f.texts[tag.IssuerOfPatientID] = c.Issuer
	}
	b := dicom.NewBuilder()
	for t, s := range f.texts {
		if s == strings.TrimSpace(d.Text(t)) {
			delete(f.texts, t)
			continue
		}
		b.Text(t, s)
		f.Values = append(f.Values, Value{t, Conceal(s)})
	}
	var err error
	if f.values, err = b.Dataset(); err != nil {
		return fix{}, false
	}
	return f, len(f.texts) > 0
}

// coerce lets an entry that is being received say what is made of it.
func (a *Archive) coerce(ctx context.Context, e *entry, d *dicom.Dataset) error {
	c, err := a.coercionFor(ctx, e.site, e.callingAE)
	if c == nil || err != nil {
		return err
	}
	f, ok := c.on(d)
	if !ok {
		return nil
	}
	e.header, e.coerced = f.header(e.header), c.ID
	return nil
}

// coerceAs lets an entry say what the version made of it under which it came.
func (a *Archive) coerceAs(ctx context.Context, e *entry, d *dicom.Dataset) error {
	c, err := one(ctx, a.DB, scanCoercion, "coercion", fromCoercion+`where id = $1`, e.coerced)
	if err != nil {
		return err
	}
	if f, ok := c.on(d); ok {
		e.header = f.header(e.header)
	}
	return nil
}

// header returns what the index takes of an instance under f.
func (f fix) header(h header) header {
	h.patient, h.ofStudy, h.ofSeries = f.over(patientColumns, h.patient), f.over(studyColumns, h.ofStudy), f.over(seriesColumns, h.ofSeries)
	return h
}

// noteCoerced notes under which version an entry came.
func (e *entry) noteCoerced(ctx context.Context, tx *db.Tx) error {
	if e.coerced == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into coerced (site_id, sop_uid, coercion) values ($1, $2, $3)
		on conflict (site_id, sop_uid) do update set coercion = excluded.coercion`, e.site, e.sop.String(), e.coerced)
	return err
}

// coercedBy returns under which version an instance came, "" for none.
func coercedBy(ctx context.Context, q db.Querier, site, sop string) (string, error) {
	var id string
	err := q.QueryRow(ctx, `select coercion from coerced where site_id = $1 and sop_uid = $2`, site, sop).Scan(&id)
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", nil
	}
	return id, err
}

// coercionsOf returns the versions under which instances of a study came, by id.
func coercionsOf(ctx context.Context, q db.Querier, site, study string) (map[string]*Coercion, error) {
	list, err := db.List(ctx, q, scanCoercion, fromCoercion+`where id in (
		select coercion from coerced_study where site_id = $1 and study_uid = $2)`, site, study)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	of := map[string]*Coercion{}
	for _, c := range list {
		of[c.ID] = &c
	}
	return of, nil
}

// A Coerced is what rules make, or made, of an instance: the values before and after.
type Coerced struct {
	Instance
	Person        Personal // whom it is about after
	Before, After []Value  // of the attributes that change, by tag; none if nothing does
	Unfit         []string // keywords of attributes that rules would make too long, or no value at all
}

// Preview returns what a version that is not yet in force would make of what a peer sent
// last, the latest first, at most limit. Invalid: a rule that cannot be.
func (a *Archive) Preview(ctx context.Context, c Coercion, limit int) ([]Coerced, error) {
	if c.Reason == "" {
		c.Reason = "preview"
	}
	if err := a.validCoercion(&c); err != nil {
		return nil, err
	}
	list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where instance.site_id = $1 and instance.calling_ae = $2
		order by instance.received_at desc, instance.id desc limit $3`, c.Site, c.Peer, limit)
	if err != nil {
		return nil, err
	}
	var all []Coerced
	for _, i := range list {
		one, err := a.preview(ctx, &c, i)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// preview returns what c would make of one instance.
func (a *Archive) preview(ctx context.Context, c *Coercion, i Instance) (Coerced, error) {
	one := Coerced{Instance: i}
	d, err := a.head(ctx, i)
	if err != nil {
		return one, err
	}
	f, _ := c.on(d)
	patient := f.over(patientColumns, values(d, patientColumns))
	one.Person = Conceal(personOf(patient))
	for _, t := range coercible {
		was := strings.TrimSpace(d.Text(t))
		if now, ok := f.texts[t]; ok {
			one.Before, one.After = append(one.Before, Value{t, Conceal(was)}), append(one.After, Value{t, Conceal(now)})
		}
		for _, r := range c.Rules {
			if r.Tag == t && !fits(t, r.apply(was)) {
				one.Unfit = append(one.Unfit, t.Keyword())
			}
		}
	}
	return one, nil
}
