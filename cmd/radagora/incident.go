package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"radagora/access"
	"radagora/dose"
	"radagora/fault"
	"radagora/incident"
)

// openIncidents opens the room that learns from what went wrong.
func (h *house) openIncidents(ctx context.Context) error {
	h.Incidents = &incident.Register{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Site: h.Sites.Site, Now: h.Now,
		Examinations: func(ctx context.Context, siteID, from, to string) (map[string]int, error) {
			return h.Dose.Monthly(ctx, siteID, dose.Period{From: from, To: to})
		},
	}
	return h.DB.Migrate(ctx, "incident", incident.Migrations())
}

// patientWords are the names and identifiers by which the patient of an incident could be
// known, which no lesson may contain.
func (h *house) patientWords(ctx context.Context, i *incident.Incident) ([]string, error) {
	if i.Person == "" {
		return nil, nil
	}
	card, err := h.named(ctx, h.DB, i.Site, i.Person)
	if fault.Of(err) == fault.NotFound && err != nil {
		err = nil
	}
	return []string{card.Name, card.BirthDate, i.Person}, err
}

type incidentCmd struct {
	List   incidentListCmd   `cmd:"" help:"List the incidents of the register."`
	Report incidentReportCmd `cmd:"" help:"Report what went wrong or nearly did."`
}

type incidentListCmd struct {
	settings
	JSON bool `name:"json" help:"Print an array with one element for each incident."`
}

func (incidentListCmd) Help() string {
	return `Lists the register of accidental and unintended exposures and of what else went wrong or nearly did, the newest first, with
its state and until when the authority is to be told. No patient is named.

Example:

    radagora incident list --data /var/lib/radagora`
}

// Run prints them.
func (c incidentListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.IncidentRead); err != nil {
			return err
		}
		all, err := h.Incidents.List(ctx, at)
		if err != nil {
			return err
		}
		if c.JSON {
			out := make([]apiIncident, len(all))
			for n := range all {
				out[n] = apiIncidentOf(&all[n])
			}
			return writeJSON(sys.Out, out)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tSTATE\tHAPPENED\tKIND\tSEVERITY\tNOTIFY UNTIL\tID")
		for n := range all {
			i := &all[n]
			due := ""
			if !i.Work.Due.IsZero() && i.Work.NotifiedAt == "" {
				due = i.Work.Due.Format("2006-01-02 15:04 MST")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Name(), i.State, i.Happened, i.Kind, i.Work.Severity, due, i.ID)
		}
		return w.Flush()
	})
}

type incidentReportCmd struct {
	settings
	Kind      string   `help:"Code of content set incident/kind, such as WRONG_PATIENT."`
	NearMiss  bool     `help:"It nearly happened."`
	Harmed    string   `enum:",yes,no,unknown" default:"" help:"Whether a patient was harmed: yes, no or unknown."`
	Place     string   `help:"Where it happened."`
	When      string   `help:"When: 2026-11-22 or 2026-11-22T14:30; today if left out."`
	Anonymous bool     `help:"Keep nothing of who reports."`
	Words     []string `arg:"" help:"What happened, in your own words, without names."`
}

func (incidentReportCmd) Help() string {
	return `Reports an incident or a near miss. Only the words are needed. Of an anonymous report neither the register nor the journal
says who made it.

Example:

    radagora incident report --near-miss --kind WRONG_PATIENT "two requests looked alike" --data /var/lib/radagora`
}

// Run keeps it.
func (c incidentReportCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.IncidentReport); err != nil {
			return err
		}
		p := incident.Report{Words: strings.Join(c.Words, " "), Kind: c.Kind, Harmed: c.Harmed, Place: c.Place, When: c.When, Secret: c.Anonymous, Account: access.From(ctx).ID, Sort: incident.Event}
		if c.NearMiss {
			p.Sort = incident.NearMiss
		}
		i, err := h.Incidents.Take(ctx, at, p)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "reported as incident %s\n", i.Name())
		return err
	})
}
