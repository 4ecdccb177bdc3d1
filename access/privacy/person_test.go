package privacy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// shelve puts two studies and an instance of Anna on the shelf.
func (d *desk) shelve() {
	d.Helper()
	d.put("study", "1.2.3", `{"name":"`+name+`","date":"2024-05-06","birth":"1970-01-02"}`)
	d.put("study", "1.2.4", `{"name":"`+name+`","date":"2024-11-12","deep":{"list":[1,{"a":"<b>"}]}}`)
	d.put("instance", "1.2.3.1", `{"rows":512}`)
}

// unzip returns the files of an archive.
func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestExport(t *testing.T) {
	run(t, func(d *desk) {
		d.shelve()
		d.Objects = func(context.Context, access.Person) iter.Seq2[privacy.Object, error] {
			return func(yield func(privacy.Object, error) bool) {
				yield(privacy.Object{Name: "1.2.3/1.2.3.1.dcm", Open: func() (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader("DICM")), nil
				}}, nil)
			}
		}
		q := d.ask("access", "2025-01-31")
		d.move(q, privacy.Move{Do: "verify", How: "document", Person: anna().ID})
		var out bytes.Buffer
		index, err := d.Export(d.ctx, anna(), privacy.Order{Reason: "she asked", Language: "en"}, &out)
		d.must(err)
		all := unzip(d.T, out.Bytes())
		var names []string
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		want := []string{"archive/instance.json", "archive/study.json", "index.html", "index.json", "objects/1.2.3/1.2.3.1.dcm", "privacy/request.json"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		var studies []struct {
			ID   string
			Data struct{ Name, Date string }
		}
		d.must(json.Unmarshal([]byte(all["archive/study.json"]), &studies))
		if len(studies) != 2 || studies[0].ID != "1.2.3" || studies[1].Data.Name != name {
			t.Errorf("studies: %+v", studies)
		}
		if !strings.Contains(all["privacy/request.json"], "please, "+name) {
			t.Error("her own words are missing")
		}
		if html := all["index.html"]; !strings.Contains(html, "deep · list · a") || !strings.Contains(html, "&lt;b&gt;") || strings.Contains(html, "<b>") {
			t.Error("the page for people does not show the values, or not as text")
		}
		var kept privacy.Index
		d.must(json.Unmarshal([]byte(all["index.json"]), &kept))
		if diff := cmp.Diff(index, kept); diff != "" {
			t.Errorf("index (-returned +written):\n%s", diff)
		}
		for _, f := range kept.Files {
			sum := sha256.Sum256([]byte(all[f.Name]))
			if f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(all[f.Name])) {
				t.Errorf("%s: the index has another digest or length", f.Name)
			}
		}
		d.leaks(tables()...)
	})
}

// A door is where a copy leaves the house.
type door struct{ opened func() }

func (w door) Write([]byte) (int, error) {
	w.opened()
	return 0, errors.New("shut")
}

func TestExportIsJournalledBeforeTheFirstByte(t *testing.T) {
	run(t, func(d *desk) {
		d.shelve()
		var before int
		_, err := d.Export(d.ctx, anna(), privacy.Order{Reason: "she asked"}, door{func() {
			err := d.db.QueryRow(d.ctx, `select count(*) from journal_entry where kind = 'privacy.person.exported'`).Scan(&before)
			d.must(err)
		}})
		if err == nil || before != 1 {
			t.Errorf("error %v, %d entries when the first byte left; want one, and the error of the door", err, before)
		}
	})
}

func TestWhoMayExportAndErase(t *testing.T) {
	run(t, func(d *desk) {
		physicist := access.With(d.ctx, access.Who{ID: "eve", Grants: access.Everywhere(access.Physicist)})
		stale := access.WithJudge(d.ctx, &access.Judge{Rules: rules(t), Now: func() time.Time { return d.clock() }})
		for name, ctx := range map[string]context.Context{"a physicist": physicist, "somebody who signed in long ago": stale} {
			_, err := d.Export(ctx, anna(), privacy.Order{}, io.Discard)
			t.Run(name+" exports", func(*testing.T) { d.want(err, fault.Forbidden, "privacy.person.export") })
			_, err = d.PlanErasure(ctx, anna(), "", "she asked for it")
			t.Run(name+" erases", func(*testing.T) { d.want(err, fault.Forbidden, "privacy.person.erase") })
		}
		if access.Need(errOf(d.PlanErasure(stale, anna(), "", "she asked for it"))) != access.NeedFresh {
			t.Error("who signed in long ago is not told to sign in again")
		}
	})
}

func errOf(_ privacy.Plan, err error) error { return err }

func TestErase(t *testing.T) {
	run(t, func(d *desk) {
		d.shelve()
		d.shelf.kept = map[string]int{"study_of_other_person": 1}
		d.Copies = func(context.Context, access.Person) ([]privacy.Copy, error) {
			return []privacy.Copy{{To: "ae:PACS2", What: "archive.object.sent", Count: 2, Last: d.clock()}}, nil
		}
		backups := d.clock().AddDate(0, 0, 35)
		d.Backups = func(context.Context) (time.Time, error) { return backups, nil }
		removed := errors.New("the disk is busy")
		d.Finish = func(context.Context, time.Time) (int, error) { return 3, removed }
		plan, err := d.PlanErasure(d.ctx, anna(), "", "wrong patient was sent")
		d.must(err)
		want := []privacy.Part{{
			Room: "archive", Kept: map[string]int{"study_of_other_person": 1},
			Kinds: []privacy.Held{{Room: "archive", Kind: "instance", Count: 1}, {Room: "archive", Kind: "study", Count: 2, First: "2024-05-06", Last: "2024-11-12"}},
		}}
		if diff := cmp.Diff(want, plan.Parts); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
		if len(plan.Bounds) != 1 || plan.Bounds[0].Rule != "de.images" || plan.Bounds[0].Until != "2034-11-12" || !plan.Bound() || plan.Bounds[0].Verified {
			t.Errorf("bounds: %+v; want ten years from the last record, to be confirmed", plan.Bounds)
		}
		erase := func(digest, despite string) error {
			_, err := d.Erase(officer(d.ctx, "emil"), anna(), plan.ID, digest, despite)
			return err
		}
		d.want(erase(plan.Digest, ""), fault.Invalid, "retention")
		d.want(erase("0", "it is not her, all of it"), fault.Conflict, "plan again")
		d.put("study", "1.2.5", `{}`)
		d.want(erase(plan.Digest, "it is not her, all of it"), fault.Conflict, "plan again")
		d.must(d.DropErasure(d.ctx, site.Default, plan.ID))
		d.want(erase(plan.Digest, "it is not her, all of it"), fault.Conflict, "dropped")
		plan, err = d.PlanErasure(d.ctx, anna(), "", "wrong patient was sent")
		d.must(err)

		d.shelf.fail = errors.New("no")
		if erase(plan.Digest, "it is not her, all of it") == nil {
			t.Error("a room that fails was passed over")
		}
		d.shelf.fail = nil
		if h, err := d.Hold(d.ctx, anna()); err != nil || h.Count() != 4 {
			t.Errorf("after a room failed: %d records, %v; want all four", h.Count(), err)
		}
		d.want(erase(plan.Digest, "it is not her, all of it"), fault.Unavailable, "still on the disk")
		notices, err := d.Due(d.ctx, site.Default)
		if err != nil || len(notices) != 1 || notices[0].Kind != "erasure.unfinished" {
			t.Errorf("Due = %+v, %v; want the bytes that are left", notices, err)
		}
		removed = nil
		if n, err := d.FinishErasures(d.ctx, site.Default); err != nil || n != 1 {
			t.Errorf("FinishErasures = %d, %v", n, err)
		}
		done, err := d.Plan(d.ctx, site.Default, plan.ID)
		d.must(err)
		p := done.Proof
		if done.State != "done" || p == nil || p.Records != 4 || p.Objects != 3 || !p.Finished || p.PlannedBy != "dora" || p.DoneBy != "emil" {
			t.Fatalf("proof: %+v", p)
		}
		if len(p.Remains.Kinds) != 0 || len(p.Remains.Copies) != 1 || !p.Remains.Backups.Equal(backups) || len(p.Remains.Bounds) != 1 || !p.Remains.Aggregates {
			t.Errorf("remains: %+v", p.Remains)
		}
		d.proved(plan.ID, p.Digest())
		d.want(erase(plan.Digest, "it is not her, all of it"), fault.Conflict, "done")
		d.leaks(append(tables(), "shelf")...)
	})
}

// proved looks for the digest of a proof in the journal.
func (d *desk) proved(id, digest string) {
	d.Helper()
	for range 100 {
		for e, err := range d.Journal.Find(d.ctx, journal.Filter{Subject: id, Kinds: []string{"privacy.erasure.proved"}}) {
			d.must(err)
			if strings.Contains(string(e.Data), digest) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.Error("the digest of the proof is not in the journal")
}

func TestRetentionByAge(t *testing.T) {
	run(t, func(d *desk) {
		d.put("study", "1", `{"date":"2014-05-06","birth":"2010-03-04"}`)
		plan, err := d.PlanErasure(d.ctx, anna(), "", "her parents asked")
		d.must(err)
		if len(plan.Bounds) != 1 || plan.Bounds[0].Until != "2038-03-04" || !plan.Bounds[0].Holds {
			t.Errorf("bounds: %+v; want until the 28th birthday", plan.Bounds)
		}
		d.set(time.Date(2038, 3, 5, 12, 0, 0, 0, time.UTC))
		plan, err = d.PlanErasure(d.ctx, anna(), "", "her parents asked")
		d.must(err)
		if plan.Bound() {
			t.Error("the day after, the rule still holds")
		}
		told := 0
		d.Erased = func(context.Context, *db.Tx, access.Person) error { told++; return nil }
		proof, err := d.Erase(d.ctx, anna(), plan.ID, plan.Digest, "")
		if told != 1 {
			t.Errorf("backups were told %d times; want once", told)
		}
		if err != nil || proof.Records != 1 || !proof.Finished {
			t.Errorf("Erase = %+v, %v", proof, err)
		}
	})
}

func TestOwnRequestsAreErased(t *testing.T) {
	run(t, func(d *desk) {
		open, closed := d.ask("erasure", "2025-01-31"), d.ask("access", "2025-01-31")
		for _, id := range []string{open, closed} {
			d.move(id, privacy.Move{Do: "verify", How: "document", Person: anna().ID})
		}
		d.move(closed, privacy.Move{Do: "withdraw"})
		plan, err := d.PlanErasure(d.ctx, anna(), open, "she asked for it")
		d.must(err)
		if len(plan.Parts) != 1 || plan.Parts[0].Kept["open_request"] != 1 {
			t.Errorf("parts: %+v; want the open request kept", plan.Parts)
		}
		proof, err := d.Erase(d.ctx, anna(), plan.ID, plan.Digest, "")
		if err != nil || proof.Records != 1 || proof.Request != open {
			t.Fatalf("Erase = %+v, %v", proof, err)
		}
		if !d.request(closed).Erased || d.request(open).Erased {
			t.Error("texts of the closed request are there, or those of the open one gone")
		}
	})
}

func TestRestrictAndOptOut(t *testing.T) {
	run(t, func(d *desk) {
		d.shelve()
		hidden := func() (n int) {
			d.must(d.db.QueryRow(d.ctx, `select count(*) from shelf where hidden`).Scan(&n))
			return n
		}
		holds := func(w access.Wish) bool {
			all, err := d.Wishes(d.ctx, anna())
			d.must(err)
			return slices.ContainsFunc(all, func(h access.Held) bool { return h.Wish == w && h.Until.IsZero() })
		}
		d.must(d.Restrict(d.ctx, anna(), true, "she contests them"))
		if hidden() != 3 || !holds(access.Restricted) {
			t.Errorf("restricted: %d hidden, wish %v", hidden(), holds(access.Restricted))
		}
		d.set(d.clock().Add(time.Hour))
		d.must(d.Restrict(d.ctx, anna(), false, "they are right"))
		if hidden() != 0 || holds(access.Restricted) {
			t.Error("the restriction did not end")
		}
		d.must(d.OptOut(d.ctx, anna(), true))
		if !holds(access.NoSecondary) {
			t.Error("the opt-out does not hold")
		}
		d.must(d.OptOut(d.ctx, anna(), false))
		if holds(access.NoSecondary) {
			t.Error("the opt-out cannot be taken back")
		}
	})
}

func TestWhoLooked(t *testing.T) {
	run(t, func(d *desk) {
		if h, err := d.Hold(d.ctx, anna()); err != nil || h.Count() != 0 {
			t.Errorf("nothing is held: %d records, %v", h.Count(), err)
		}
		var keys int
		d.must(d.db.QueryRow(d.ctx, `select count(*) from journal_person_key`).Scan(&keys))
		if keys != 0 {
			t.Error("somebody who is not here got a key in the journal")
		}
		d.shelve()
		_, err := d.Hold(d.ctx, anna())
		d.must(err)
		_, err = d.Export(officer(d.ctx, "emil"), anna(), privacy.Order{Reason: "she asked"}, io.Discard)
		d.must(err)
		var got []string
		for range 100 {
			all, err := d.Looked(d.ctx, anna(), 10)
			d.must(err)
			got = nil
			for _, e := range all {
				if e.Kind != "journal.person.read" {
					got = append(got, e.Actor+" "+e.Kind)
				}
			}
			if len(got) == 2 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		want := []string{"emil privacy.person.exported", "dora privacy.person.looked-up"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("who looked (-want +got):\n%s", diff)
		}
		other := anna()
		other.ID = "|another number of hers"
		d.Same = func(context.Context, db.Querier, string, string) ([]string, error) {
			return []string{other.ID, anna().ID}, nil
		}
		all, err := d.Looked(d.ctx, other, 10)
		d.must(err)
		if n := slices.IndexFunc(all, func(e journal.Entry) bool { return e.Kind == "privacy.person.exported" }); n < 0 {
			t.Errorf("under another number: %d entries, without the copy", len(all))
		}
		if one, err := d.Looked(d.ctx, other, 1); err != nil || len(one) != 1 || one[0].Seq < all[0].Seq {
			t.Errorf("the latest: %+v, %v", one, err)
		}
	})
}
