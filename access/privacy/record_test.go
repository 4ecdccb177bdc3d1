package privacy_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/content"
	"radagora/fault"
	"radagora/site"
)

// rules returns the policies of the program.
func rules(t *testing.T) *access.Rules {
	t.Helper()
	lib, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, err := access.NewRules(lib)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordFollowsWhatIsSwitchedOn(t *testing.T) {
	run(t, func(d *desk) {
		uses := privacy.Uses{
			Rooms: []string{"archive", "dose", "journal", "access"}, Controller: "North Hospital", Officer: []string{"Dora"},
			Flows: []privacy.Flow{{To: "peer", Name: "PACS2 10.0.0.2:104"}, {To: "mail", Name: "mail.example.org"}},
		}
		d.Uses = func(context.Context, string) (privacy.Uses, error) { return uses, nil }
		_, err := d.KeepParty(d.ctx, cloud())
		d.must(err)
		r, err := d.Record(d.ctx, site.Default)
		d.must(err)
		var on []string
		for _, p := range r.Activities {
			on = append(on, p.ID)
		}
		want := []string{"care.images", "care.exchange", "dose.safety", "quality.findings", "access.accounts", "access.journal", "privacy.requests"}
		want = slices.DeleteFunc(want, func(s string) bool { return s == "quality.findings" }) // finding is off
		if diff := cmp.Diff(want, on); diff != "" {
			t.Errorf("activities (-want +got):\n%s", diff)
		}
		exchange := r.Activities[1]
		if len(exchange.Flows) != 1 || exchange.Flows[0].Name != "PACS2 10.0.0.2:104" {
			t.Errorf("flows of the exchange: %+v", exchange.Flows)
		}
		images := r.Activities[0]
		var bases []string
		for _, b := range images.Bases {
			bases = append(bases, b.Country+" "+b.Article)
		}
		if diff := cmp.Diff([]string{"EU GDPR 6(1)(c) or (e), 9(2)(h)", "DE BDSG § 22(1) no. 1 (b)", "DE StrlSchG § 85"}, bases); diff != "" {
			t.Errorf("bases in Germany (-want +got):\n%s", diff)
		}
		if len(images.Retention) != 1 || images.Retention[0].ID != "de.images" {
			t.Errorf("retention in Germany: %+v", images.Retention)
		}
		if !r.Draft || len(r.Content) != 2 || len(r.Transfers()) != 1 {
			t.Errorf("draft %v, content %v, transfers %v", r.Draft, r.Content, r.Transfers())
		}
		d.written(r)
		uses.Rooms = []string{"archive", "notice", "backup", "person", "finding"}
		r, err = d.Record(d.ctx, site.Default)
		d.must(err)
		if n := len(r.Activities); n != 6 {
			t.Errorf("%d activities with other rooms; want six", n)
		}
	})
}

// written checks the record as files.
func (d *desk) written(r privacy.Record) {
	d.Helper()
	for _, language := range []string{"en", "de", "fr"} {
		var out bytes.Buffer
		d.must(r.WriteCSV(&out, language))
		lines, err := csv.NewReader(&out).ReadAll()
		d.must(err)
		if len(lines) != len(r.Activities)+1 {
			d.Errorf("%s: %d lines; want one for each activity and the header", language, len(lines))
		}
		for _, line := range lines[1:] {
			for i, field := range line {
				if field == "" && lines[0][i] != "sent_to" {
					d.Errorf("%s: %s has no %s", language, line[0], lines[0][i])
				}
			}
		}
	}
	var out bytes.Buffer
	d.must(r.WriteJSON(&out))
	var back privacy.Record
	d.must(json.Unmarshal(out.Bytes(), &back))
	if diff := cmp.Diff(r, back); diff != "" {
		d.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestEveryCountryHasItsBases(t *testing.T) {
	run(t, func(d *desk) {
		for _, country := range []string{"DE", "FR", "AT", "IE"} {
			all, err := d.Activities(site.Default, country)
			d.must(err)
			for _, a := range all {
				own := slices.ContainsFunc(a.Bases, func(b privacy.Basis) bool { return b.Country == country })
				if len(a.Bases) == 0 || !own && (strings.HasPrefix(a.ID, "care.") || a.ID == "dose.safety" || a.ID == "research.reuse") {
					t.Errorf("%s: %s has bases %+v", country, a.ID, a.Bases)
				}
				if len(a.Retention) == 0 {
					t.Errorf("%s: %s has no retention", country, a.ID)
				}
			}
		}
		elsewhere, err := d.Rules(site.Default, "PT")
		d.must(err)
		if !slices.ContainsFunc(elsewhere, func(r privacy.Rule) bool { return r.ID == "eu.images" }) {
			t.Error("a country without rules is not told that it needs one")
		}
	})
}

// cloud is a processor abroad.
func cloud() privacy.Party {
	return privacy.Party{
		Site: site.Default, Role: privacy.Processor, Name: "Cloud", Task: "storage", Contract: "C-1", ContractOn: "2024-01-01",
		ReviewOn: "2025-01-01", Country: "US", Transfer: "clauses",
	}
}

func TestParties(t *testing.T) {
	run(t, func(d *desk) {
		id, err := d.KeepParty(d.ctx, cloud())
		d.must(err)
		sub := cloud()
		sub.Role, sub.Name, sub.Under, sub.Country, sub.Transfer, sub.ReviewOn = privacy.SubProcessor, "Cables", id, "IE", "none", ""
		_, err = d.KeepParty(d.ctx, sub)
		d.must(err)
		all, err := d.Parties(d.ctx, site.Default)
		d.must(err)
		if len(all) != 2 || all[0].Name != "Cables" || all[0].Under != id || all[1].Version != 1 {
			t.Errorf("parties: %+v", all)
		}
		if notices, err := d.Due(d.ctx, site.Default); err != nil || len(notices) != 1 || notices[0].Kind != "party.review" {
			t.Errorf("Due = %+v, %v; want the contract to look at", notices, err)
		}
		p := all[1]
		p.ReviewOn, p.EndedOn = "2026-01-01", "2025-01-31"
		_, err = d.KeepParty(d.ctx, p)
		d.must(err)
		_, err = d.KeepParty(d.ctx, p)
		d.want(err, fault.Conflict, "meanwhile")
		if r, err := d.Record(d.ctx, site.Default); err != nil || len(r.Parties) != 1 {
			t.Errorf("the record has %d parties, %v; want the one that goes on", len(r.Parties), err)
		}
		for _, c := range []struct {
			name string
			edit func(*privacy.Party)
			part string
		}{
			{"without a name", func(p *privacy.Party) { p.Name = "" }, "name"},
			{"in a role nobody knows", func(p *privacy.Party) { p.Role = "friend" }, "processor"},
			{"in no country", func(p *privacy.Party) { p.Country = "usa" }, "ISO 3166"},
			{"on a basis nobody knows", func(p *privacy.Party) { p.Transfer = "trust" }, "adequacy"},
			{"on a day that is none", func(p *privacy.Party) { p.ReviewOn = "soon" }, "day"},
			{"a sub-processor of nobody", func(p *privacy.Party) { p.Role = privacy.SubProcessor }, "under"},
			{"a sub-processor of somebody else", func(p *privacy.Party) { p.Role, p.Under = privacy.SubProcessor, "x" }, "no processor"},
		} {
			p := cloud()
			c.edit(&p)
			_, err := d.KeepParty(d.ctx, p)
			t.Run(c.name, func(*testing.T) { d.want(err, fault.Invalid, c.part) })
		}
	})
}

func TestDuties(t *testing.T) {
	run(t, func(d *desk) {
		d.Evidence = func(_ context.Context, _, id string) (privacy.Evidence, error) {
			return privacy.Evidence{ID: id, Connected: id == "dose.local_levels", Number: 0.8, Unit: "percent", N: 5}, nil
		}
		all, err := d.Duties(d.ctx, site.Default)
		d.must(err)
		var out bytes.Buffer
		d.must(privacy.WriteDuties(&out, all, "de"))
		lines, err := csv.NewReader(&out).ReadAll()
		d.must(err)
		if len(all) != 37 || len(lines) != 38 {
			t.Fatalf("%d duties, %d lines; want 37 and a header", len(all), len(lines))
		}
		for _, duty := range all {
			for _, language := range []string{"en", "de", "fr"} {
				if duty.Requirement[language] == "" || duty.LawName[language] == "" || len(duty.Of) == 0 || duty.Of[0][language] == "" {
					t.Errorf("%s: words in %s are missing", duty.ID, language)
				}
			}
		}
		if e := all[5].Evidence; len(e) != 1 || !e[0].Connected || e[0].Number != 0.8 {
			t.Errorf("evidence of LD06: %+v", e)
		}
		some := privacy.OfArticle(all, "gdpr", "30")
		if len(some) != 1 || some[0].ID != "LD27" || len(privacy.OfArticle(all, "gdpr", "")) != 9 {
			t.Errorf("by article: %+v", some)
		}
		acts, err := d.Acts(site.Default)
		if err != nil || len(acts) != 2 || len(acts[0].Dates) != 5 || acts[0].Dates[4].Confirmed {
			t.Errorf("acts: %+v, %v; want the date of 2035 to be confirmed", acts, err)
		}
	})
}

// TestSharedDuties holds the duties against the shared table.
func TestSharedDuties(t *testing.T) {
	var shared struct {
		Duties []struct {
			ID, Article, Requirement string
			Verified                 bool
			Capability, Audit        []string
			Evidence                 []string
		}
	}
	read(t, "duties.json", &shared)
	run(t, func(d *desk) {
		all, err := d.Duties(d.ctx, site.Default)
		d.must(err)
		if len(all) != len(shared.Duties) {
			t.Fatalf("%d duties; want %d", len(all), len(shared.Duties))
		}
		for i, want := range shared.Duties {
			got := all[i]
			if got.ID != want.ID || got.Article != want.Article || got.Verified != want.Verified ||
				!strings.EqualFold(got.Requirement["en"], want.Requirement) || !slices.Equal(got.Capabilities, want.Capability) ||
				strings.Join(got.Audits, " ") != strings.Join(want.Audit, " ") || len(got.Evidence) != len(want.Evidence) {
				t.Errorf("%s differs from the shared table", want.ID)
			}
		}
	})
}

func FuzzRequestLimits(f *testing.F) {
	for _, s := range []string{"2025-01-31", "2024-02-29", "9999-12-31", "", "2025-13-01"} {
		f.Add(s)
	}
	c := clocks(f)
	f.Fuzz(func(t *testing.T, day string) {
		got, err := c.Request(day)
		if err != nil {
			return
		}
		if len(day) == len(got.Due) && len(day) == len(got.Extended) && (got.Due <= day || got.Extended <= got.Due || !utf8.ValidString(got.Due)) {
			t.Errorf("Request(%q) = %+v", day, got)
		}
	})
}
