package privacy

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
)

// Uses is what an installation does with data, as it is configured.
type Uses struct {
	Rooms      []string // capabilities that are switched on, by folder
	Controller string   // name and address of who is responsible; "" if nobody said
	Officer    []string // accounts with the role of the protection officer, by name
	Flows      []Flow
}

// A Flow is somewhere data go.
type Flow struct {
	To      string // category of recipients: peer, mail, webhook, identity_provider, host, registry
	Name    string // as configured: title and address, host, folder; no secret
	Country string // ISO 3166-1 alpha-2; "" if unknown
	Note    string // what goes there
}

// A Record is the record of processing activities (GDPR Art. 30(1)).
type Record struct {
	Site, SiteName, Country string
	Made                    time.Time
	Controller              string
	Officer                 []string
	Activities              []Processing
	Idle                    []Activity // described, and no room that is switched on does them
	Parties                 []Party
	Content                 []content.Ref // what it was made from
	Draft                   bool          // some of that nobody has checked
}

// A Processing is an activity that goes on.
type Processing struct {
	Activity
	Rooms []string // those of its rooms that are switched on
	Flows []Flow   // where its data go here
}

// Transfers returns the flows and parties outside the Union that a record knows:
// those whose transfer needs a basis (GDPR chapter V).
func (r Record) Transfers() []Party {
	return slices.DeleteFunc(slices.Clone(r.Parties), func(p Party) bool { return p.Transfer == "none" || p.Transfer == "" })
}

// Record makes the record of processing of a site out of what the program does
// there now.
func (d *Desk) Record(ctx context.Context, siteID string) (Record, error) {
	if err := access.Check(ctx, access.RegisterRead, access.Subject{Site: siteID}); err != nil {
		return Record{}, err
	}
	s, err := d.Sites.Site(ctx, siteID)
	if err != nil {
		return Record{}, err
	}
	r := Record{Site: siteID, SiteName: s.Name, Country: s.Country, Made: d.Now()}
	var uses Uses
	if d.Uses != nil {
		if uses, err = d.Uses(ctx, siteID); err != nil {
			return r, err
		}
	}
	r.Controller, r.Officer = uses.Controller, uses.Officer
	if r.Controller == "" {
		r.Controller = s.Name
	}
	all, err := d.Activities(siteID, s.Country)
	if err != nil {
		return r, err
	}
	for _, a := range all {
		p := Processing{Activity: a}
		for _, room := range a.Capabilities {
			if slices.Contains(uses.Rooms, room) {
				p.Rooms = append(p.Rooms, room)
			}
		}
		for _, f := range uses.Flows {
			if slices.ContainsFunc(a.Recipients, func(t Term) bool { return t.Code == f.To }) {
				p.Flows = append(p.Flows, f)
			}
		}
		if len(p.Rooms) == 0 {
			r.Idle = append(r.Idle, a)
			continue
		}
		r.Activities = append(r.Activities, p)
	}
	for _, id := range []string{"law/purpose", "law/retention"} {
		if set, ok := d.Content.Set(siteID, id); ok {
			r.Content, r.Draft = append(r.Content, set.Ref()), r.Draft || set.Status != content.Approved
		}
	}
	r.Parties, err = d.parties(ctx, siteID, false)
	return r, err
}

// WriteCSV writes one line per activity in a language, in the order of Art. 30(1).
func (r Record) WriteCSV(w io.Writer, language string) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{
		"activity", "name", "controller", "protection_officer", "purposes", "legal_basis", "legal_basis_confirmed", "persons", "data",
		"recipients", "sent_to", "third_countries", "retention", "measures", "rooms",
	})
	if err != nil {
		return err
	}
	var abroad []string
	for _, p := range r.Transfers() {
		abroad = append(abroad, p.Name+" ("+p.Country+", "+p.Transfer+")")
	}
	for _, p := range r.Activities {
		var bases, confirmed, recipients, flows, keep []string
		for _, b := range p.Bases {
			bases, confirmed = append(bases, b.Article), append(confirmed, yes(b.Verified))
		}
		for _, t := range p.Recipients {
			recipients = append(recipients, t.Name.In(language))
		}
		for _, f := range p.Flows {
			flows = append(flows, f.Name)
		}
		for _, rule := range p.Retention {
			keep = append(keep, rule.Meaning.In(language)+" ("+rule.Law+")")
		}
		err := out.Write(safe(
			p.ID, p.Name.In(language), r.Controller, strings.Join(r.Officer, "; "), strings.Join(p.Purposes, "; "),
			strings.Join(bases, "; "), strings.Join(confirmed, "; "), in(language, p.Persons), in(language, p.Data),
			strings.Join(recipients, "; "), strings.Join(flows, "; "), strings.Join(abroad, "; "), strings.Join(keep, "; "),
			in(language, p.Measures), strings.Join(p.Rooms, "; "),
		))
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteJSON writes all of the record.
func (r Record) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// in joins texts in a language.
func in(language string, all []Words) string {
	var some []string
	for _, w := range all {
		some = append(some, w.In(language))
	}
	return strings.Join(some, "; ")
}
