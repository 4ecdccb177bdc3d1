package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/backup"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// desk opens what keeps the duties of data protection.
func (h *house) desk(ctx context.Context, s settings) error {
	key, err := keyFile(filepath.Join(s.Data, "journal.key"))
	if err != nil {
		return err
	}
	h.Privacy = &privacy.Desk{
		DB: h.DB, Journal: h.Journal, Facts: h.Facts, Content: h.Content, Sites: h.Sites, Now: h.Now,
		Pseudonym: pseudonyms(key), Objects: h.objectsOf, Copies: h.copiesOf, Backups: s.backupsUntil(h.Now),
		Uses: func(ctx context.Context, siteID string) (privacy.Uses, error) { return h.uses(ctx, s, siteID) }, Evidence: h.proof, Same: h.Persons.KeysIn,
		Erased: h.noteErasure,
		Finish: func(ctx context.Context, begun time.Time) (int, error) {
			n, err := h.gone(ctx, begun)
			return n, errors.Join(err, h.DB.Forget(ctx))
		},
	}
	h.Privacy.Rooms = append(h.keepers(), privacy.Room{Name: "privacy", Holder: privacy.Own{Desk: h.Privacy}},
		privacy.Room{Name: "journal", Holder: h.linked(entries{h.Journal}), Grows: true}, h.identifiers())
	h.scheduleDuties()
	return h.Privacy.Open(ctx)
}

// noteErasure writes down, for copies from before, who is erased: by the identifier, and
// by the pseudonym under which requests stand.
func (h *house) noteErasure(ctx context.Context, tx *db.Tx, p access.Person) error {
	err := h.Backup.NoteErasure(ctx, tx, erasedPerson, p.Site, p.ID)
	if err != nil {
		return err
	}
	return h.Backup.NoteErasure(ctx, tx, erasedPseudonym, p.Site, h.Privacy.Pseudonym(p.Site, p.ID))
}

// gone takes the bytes of an erasure out of the packs and returns how many objects it
// was. Somebody else may be at it already: then it waits for them.
func (h *house) gone(ctx context.Context, begun time.Time) (int, error) {
	begun = begun.Truncate(time.Millisecond) // as the database holds it
	for {
		if _, err := h.Archive.RemoveErased(ctx); err != nil {
			return 0, err
		}
		all, err := h.Archive.Erasures(ctx, at)
		if err != nil {
			return 0, err
		}
		for _, e := range slices.Backward(all) { // the first since it began
			if e.At.Before(begun) {
				continue
			}
			if e.Due == 0 {
				return int(e.Objects), nil
			}
			begun = e.At
			break
		}
		if len(all) == 0 || all[0].At.Before(begun) {
			return 0, nil // there were no objects
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pseudonyms returns what names a person in the tables of data protection: always
// the same for the same person at a site, and nobody tells who it is without the key.
func pseudonyms(key [32]byte) func(siteID, person string) string {
	return func(siteID, person string) string {
		m := hmac.New(sha256.New, key[:])
		m.Write([]byte("pseudonym\x00" + siteID + "\x00" + person))
		return "P-" + base32.StdEncoding.EncodeToString(m.Sum(nil)[:10])
	}
}

// exclusions returns the hash under which an opt-out is kept beyond an erasure.
func exclusions(key [32]byte) func(siteID, person string) []byte { return marked(key, "exclusion") }

// marked returns a keyed hash of persons that serves one purpose and tells nobody who
// they are.
func marked(key [32]byte, purpose string) func(siteID, person string) []byte {
	return func(siteID, person string) []byte {
		m := hmac.New(sha256.New, key[:])
		m.Write([]byte(purpose + "\x00" + siteID + "\x00" + person))
		return m.Sum(nil)
	}
}

// daysOf reads the days of a record of the archive.
func daysOf(r access.Record) (day, birth string) {
	if r.Kind != "study" {
		return "", ""
	}
	var v struct {
		Date  string `json:"study_date"`
		Birth string `json:"patient_birth_date"`
	}
	if json.Unmarshal(r.Data, &v) != nil {
		return "", ""
	}
	return dashed(v.Date), dashed(v.Birth)
}

// dashed writes a DICOM date as content does; what is none stays.
func dashed(s string) string {
	if len(s) != 8 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// objectsOf yields the DICOM objects of a person.
func (h *house) objectsOf(ctx context.Context, p access.Person) iter.Seq2[privacy.Object, error] {
	return func(yield func(privacy.Object, error) bool) {
		aside := 0
		for o, err := range h.objects(ctx, p) {
			object := privacy.Object{}
			if err == nil {
				object.Name = fmt.Sprintf("%s/%s.dcm", o.Instance.Study, o.Instance.SOP)
				if o.Aside { // several may have the same UID
					aside++
					object.Name = fmt.Sprintf("quarantine/%d-%s.dcm", aside, o.Instance.SOP)
				}
				object.Open = func() (io.ReadCloser, error) { return opened{o.Reader(), o}, nil }
			}
			if !yield(object, err) || err != nil {
				return
			}
		}
	}
}

// opened is an object as a stream.
type opened struct {
	io.Reader
	io.Closer
}

// copiesOf returns to whom something of a person went: peers that fetched, peers it
// was sent to, and people who exported it.
func (h *house) copiesOf(ctx context.Context, p access.Person) ([]privacy.Copy, error) {
	found := map[string]*privacy.Copy{}
	err := h.linked(nil).each(ctx, h.DB, p, func(p access.Person) error { return h.addCopies(ctx, p, found) })
	if err != nil {
		return nil, err
	}
	var all []privacy.Copy
	for _, k := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[k])
	}
	return all, nil
}

// addCopies adds what went to others under one identifier.
func (h *house) addCopies(ctx context.Context, p access.Person, found map[string]*privacy.Copy) error {
	for e, err := range h.Journal.Find(ctx, journal.Filter{
		Site: p.Site, Person: p.ID, Kinds: []string{string(access.ObjectRead), string(access.ObjectSend), "archive.object.sent", "archive.study.exported", "privacy.person.exported"},
	}) {
		if err != nil {
			return err
		}
		if e.Kind == string(access.ObjectRead) && !strings.HasPrefix(e.Actor, peerAccount) {
			continue // looked at here
		}
		to := e.Actor
		var data struct{ To, Destination string }
		if json.Unmarshal(e.Data, &data) == nil {
			to = cmp.Or(data.To, data.Destination, to)
		}
		c := found[to+" "+e.Kind]
		if c == nil {
			c = &privacy.Copy{To: to, What: e.Kind}
			found[to+" "+e.Kind] = c
		}
		c.Count++
		if e.At.After(c.Last) {
			c.Last = e.At.UTC()
		}
	}
	return nil
}

// uses says what this installation does with data.
func (h *house) uses(ctx context.Context, s settings, siteID string) (privacy.Uses, error) {
	u := privacy.Uses{Rooms: []string{"access", "archive", "dose", "finding", "journal", "notice", "person"}}
	officers, err := h.Users.InRole(ctx, access.ProtectionOfficer, siteID)
	if err != nil {
		return u, err
	}
	for _, a := range officers {
		if a.ID != access.Local {
			u.Officer = append(u.Officer, a.Name)
		}
	}
	peers, err := h.Sites.Peers(ctx, siteID)
	if err != nil {
		return u, err
	}
	for _, p := range peers {
		if p.State == site.Blocked {
			continue
		}
		name := p.AETitle
		if p.Host != "" {
			name += " " + net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
		}
		u.Flows = append(u.Flows, privacy.Flow{To: "peer", Name: name, Note: string(p.State)})
	}
	if s.BackupTo != "" {
		u.Rooms = append(u.Rooms, "backup")
		u.Flows = append(u.Flows, privacy.Flow{To: "host", Name: s.BackupTo, Note: "backup"})
	}
	if s.BackupContinuous != "" {
		u.Flows = append(u.Flows, privacy.Flow{To: "host", Name: s.BackupContinuous, Note: "backup"})
	}
	if s.MailHost != "" {
		u.Flows = append(u.Flows, privacy.Flow{To: "mail", Name: s.MailHost})
	}
	for _, p := range h.Providers.List() {
		u.Flows = append(u.Flows, privacy.Flow{To: "identity_provider", Name: p.Issuer})
	}
	hooks, err := h.Notices.Webhooks(ctx)
	if err != nil {
		return u, err
	}
	for _, w := range hooks {
		u.Flows = append(u.Flows, privacy.Flow{To: "webhook", Name: w.Host})
	}
	if s.DB != "" && !strings.HasPrefix(s.DB, "sqlite:") {
		u.Flows = append(u.Flows, privacy.Flow{To: "host", Name: redact(s.DB), Note: "database"})
	}
	return u, nil
}

// proof answers how a fact of the catalogue stands.
func (h *house) proof(ctx context.Context, siteID, id string) (privacy.Evidence, error) {
	e := privacy.Evidence{ID: id, Connected: h.Evidence.Connected(id)}
	if !e.Connected {
		return e, nil
	}
	v, err := h.Evidence.Value(ctx, id, evidence.Query{Site: siteID})
	if err != nil {
		return e, err
	}
	e.N, e.State, e.Unit, e.Number = v.N, string(v.State), v.Unit, v.Value
	return e, nil
}

// entries is the journal as a room that keeps personal data.
type entries struct{ *journal.Journal }

// Export implements access.Holder.
func (j entries) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for e, err := range j.Find(ctx, journal.Filter{Site: p.Site, Person: p.ID}) {
			r := access.Record{Room: "journal", Kind: "entry", ID: e.ID}
			if err == nil {
				r.Data, err = json.Marshal(map[string]any{
					"at": e.At.UTC().Format(time.RFC3339), "by": e.Actor, "what": e.Kind, "about": e.Subject, "data": e.Data, "payload": e.Payload,
				})
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// Erase implements access.Holder: the key of the person is destroyed. That something
// happened stays, and to whom cannot be told any more.
func (j entries) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	by := journal.Entry{Site: p.Site, Actor: cmp.Or(access.From(ctx).ID, "system:privacy")}
	err := j.Journal.Erase(ctx, tx, p.ID, by)
	if fault.Of(err) == fault.NotFound {
		return 0, nil
	}
	return 1, err
}

// Restrict implements access.Holder: what happened is kept for those who may read it.
func (entries) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }

// backupsUntil returns until when a backup may hold what is erased now: the longest
// that the policy keeps one. The zero time means for ever.
func (s settings) backupsUntil(now func() time.Time) func(context.Context) (time.Time, error) {
	return func(context.Context) (time.Time, error) {
		if s.BackupTo == "" {
			return now(), nil
		}
		c, err := backup.ParsePolicy(s.BackupKeep)
		if err != nil || c.All+c.Daily+c.Weekly+c.Monthly == 0 {
			return time.Time{}, err
		}
		days := max(c.All, c.Daily, 7*c.Weekly)
		until, months := now().AddDate(0, 0, days), now().AddDate(0, c.Monthly, 0)
		if months.After(until) {
			until = months
		}
		return until, nil
	}
}

// personOf returns the person of an identifier.
func (h *house) personOf(issuer, id string) access.Person {
	return access.Person{Site: at, ID: h.Archive.Key(issuer, id)}
}
