package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/form/survey"
	"radagora/job"
)

// openSurveys opens the room that asks many people the same questions once. Its addresses
// are made with the key of the journal: who has that and a copy of the database can make
// those of invitations, and of no anonymous answer.
func (h *house) openSurveys(ctx context.Context, s settings) error {
	key, err := keyFile(filepath.Join(s.Data, "journal.key"))
	if err != nil {
		return err
	}
	m := hmac.New(sha256.New, key[:])
	_, _ = m.Write([]byte("survey addresses"))
	h.links = s.links()
	h.Surveys = &survey.Desk{DB: h.DB, Journal: h.Journal, Forms: h.Forms, Content: h.Content, Site: h.Sites.Site, Now: h.Now, Key: m.Sum(nil)}
	if err := h.DB.Migrate(ctx, "survey", survey.Migrations()); err != nil {
		return err
	}
	h.Jobs.Every("survey-days", job.Interval(time.Hour), func(ctx context.Context) error {
		return h.Surveys.Due(access.With(ctx, access.System("survey")))
	})
	return nil
}

type surveyCmd struct {
	List      surveyListCmd      `cmd:"" help:"List surveys and how far they are."`
	Plan      surveyPlanCmd      `cmd:"" help:"Plan a survey with a published form."`
	Invite    surveyInviteCmd    `cmd:"" help:"Invite a list of members."`
	Move      surveyMoveCmd      `cmd:"" help:"Open, close or clear a survey."`
	Addresses surveyAddressesCmd `cmd:"" help:"Print the addresses of invitations for your own letter."`
	Results   surveyResultsCmd   `cmd:"" help:"Print what a survey says."`
	Export    surveyExportCmd    `cmd:"" help:"Take answers or their codebook out of a closed survey."`
}

type surveyListCmd struct {
	settings
	JSON bool `name:"json" help:"Print an array with one element for each survey."`
}

func (surveyListCmd) Help() string {
	return `Lists surveys, the latest first, with what their results are a part of: invited, looked at, begun, usable and complete.

Example:

    radagora survey list --data /var/lib/radagora`
}

// Run prints them.
func (c surveyListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyRead); err != nil {
			return err
		}
		all, err := h.surveys(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tMODE\tINVITED\tOPENED\tBEGUN\tUSABLE\tCOMPLETE\tID\tTITLE")
		for _, s := range all {
			invited := strconv.Itoa(s.Counts.Invited)
			if s.Counts.Invited == 0 {
				invited = "-"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", s.State, s.Mode, invited, s.Counts.Opened, s.Counts.Begun, s.Counts.Usable, s.Counts.Complete, s.ID, s.Title)
		}
		return w.Flush()
	})
}

type surveyPlanCmd struct {
	settings
	Form      string   `required:"" help:"Canonical address of a published form."`
	Version   string   `required:"" help:"Version of the form."`
	Title     string   `required:"" help:"How the survey is called."`
	Mode      string   `default:"anonymous" help:"anonymous, token or named: who knows who answered what."`
	Purpose   string   `required:"" help:"Why it is asked; those who are asked read it."`
	Basis     string   `help:"Legal basis; needed unless the survey is anonymous."`
	DeleteOn  string   `required:"" placeholder:"DAY" help:"Day on which invitations and answers are deleted."`
	Closes    string   `placeholder:"DAY" help:"Last day on which it takes answers."`
	Language  []string `help:"Language in which it is asked; can be repeated; all of the form if left out."`
	Group     string   `help:"Link id of the question by which results are told, or * for the group of invitations."`
	Take      []string `placeholder:"QUOTA" help:"Quota: as 'question 1 50' (number of the option, how many) or '* 200'; can be repeated."`
	Least     int      `help:"Answers that a group must have to be told; that of the rules if left out."`
	Everybody bool     `help:"Everybody who has the address may answer; with anonymous only."`
	Whole     int      `help:"With everybody: how many could answer."`
	Live      bool     `help:"Those who answered see the results so far."`
	Society   bool     `help:"A survey of a society or authority: no facts of the house, no files, no patient data."`
}

func (surveyPlanCmd) Help() string {
	return `Plans a survey and prints its id. Nobody is asked before it is opened with "radagora survey move ID open".

Example:

    radagora survey plan --form https://radagora.org/fhir/Questionnaire/patient-experience --version 0.1 --title "Waiting room" --purpose "to do better" --delete-on 2027-12-31 --everybody --data /var/lib/radagora`
}

// Run plans it.
func (c surveyPlanCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyLead); err != nil {
			return err
		}
		p := survey.Plan{
			Title: c.Title, Purpose: c.Purpose, Basis: c.Basis, DeleteOn: c.DeleteOn, Closes: c.Closes, Languages: c.Language, Live: c.Live, Link: c.Everybody, Society: c.Society,
			Group: c.Group, Least: c.Least, Whole: c.Whole,
		}
		for _, line := range c.Take {
			q, err := quotas(line)
			if err != nil {
				return err
			}
			p.Quotas = append(p.Quotas, q...)
		}
		s, err := h.Surveys.Make(ctx, at, c.Form, c.Version, c.Mode, p, access.From(ctx).ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(sys.Out, s.ID)
		return err
	})
}

type surveyInviteCmd struct {
	settings
	ID   string `arg:"" help:"Id of the survey."`
	File string `arg:"" type:"path" help:"Comma-separated values with a first line of names: name, address, language, group."`
}

func (surveyInviteCmd) Help() string {
	return `Invites a list of members. Who is invited already, by address, is invited once.

Example:

    radagora survey invite 0198c2f4-0000-7000-8000-000000000000 members.csv --data /var/lib/radagora`
}

// Run invites them.
func (c surveyInviteCmd) Run(ctx context.Context, sys *system) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("list of members: %w", trimPath(err, c.File))
	}
	defer f.Close()
	list, err := survey.ReadInvites(f)
	if err != nil {
		return err
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyLead); err != nil {
			return err
		}
		n, err := h.Surveys.Add(ctx, at, c.ID, list, access.From(ctx).ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%d invited, %d were already\n", n, len(list)-n)
		return err
	})
}

type surveyMoveCmd struct {
	settings
	ID string `arg:"" help:"Id of the survey."`
	Do string `arg:"" enum:"open,close,clear" help:"open, close, or clear: delete answers and invitations of a closed one."`
}

func (surveyMoveCmd) Help() string {
	return `Opens a planned survey, closes an open one, or deletes the answers of a closed one; its results stay. For a survey that
everybody may answer its address is printed.

Example:

    radagora survey move 0198c2f4-0000-7000-8000-000000000000 open --data /var/lib/radagora`
}

// Run does it.
func (c surveyMoveCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyLead); err != nil {
			return err
		}
		by := access.From(ctx).ID
		switch c.Do {
		case "close":
			_, err := h.Surveys.Close(ctx, at, c.ID, by)
			return err
		case "clear":
			return h.Surveys.Clear(ctx, at, c.ID, by)
		}
		_, link, err := h.Surveys.Start(ctx, at, c.ID, by)
		if err != nil || link == "" {
			return err
		}
		_, err = fmt.Fprintln(sys.Out, h.doorAt(link))
		return err
	})
}

type surveyAddressesCmd struct {
	settings
	ID     string `arg:"" help:"Id of the survey."`
	Remind bool   `help:"Only those who did not answer; it is counted as a reminder."`
}

func (surveyAddressesCmd) Help() string {
	return `Prints name, address, language, group and link of each invitation to an open survey as comma-separated values, for your
own letter. A reminder has the same links.

Example:

    radagora survey addresses 0198c2f4-0000-7000-8000-000000000000 --remind --data /var/lib/radagora > letters.csv`
}

// Run prints them.
func (c surveyAddressesCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyLead); err != nil {
			return err
		}
		return h.letters(ctx, sys.Out, c.ID, c.Remind, access.From(ctx).ID)
	})
}

type surveyResultsCmd struct {
	settings
	ID string `arg:"" help:"Id of the survey."`
}

func (surveyResultsCmd) Help() string {
	return `Prints what a survey says as JSON. Groups that are too small are hidden, and so is what would follow from the rest.

Example:

    radagora survey results 0198c2f4-0000-7000-8000-000000000000 --data /var/lib/radagora`
}

// Run prints them.
func (c surveyResultsCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyRead); err != nil {
			return err
		}
		r, err := h.Surveys.Results(ctx, at, c.ID)
		if err != nil {
			return err
		}
		return survey.WriteResults(sys.Out, r)
	})
}

type surveyExportCmd struct {
	settings
	ID       string `arg:"" help:"Id of the survey."`
	Format   string `enum:"csv,codebook,sps,ddi,json" default:"csv" help:"csv: one line for each complete answer; codebook, sps (SPSS syntax) or ddi (DDI 2.5): what columns and codes mean; json: FHIR."`
	Language string `default:"en" help:"Language of labels."`
}

func (surveyExportCmd) Help() string {
	return `Prints the complete answers of a closed survey, or what their columns and codes mean. Free text leaves with the names of
those who wrote it only: elsewhere a column says whether something was written.

Example:

    radagora survey export 0198c2f4-0000-7000-8000-000000000000 --format sps --data /var/lib/radagora > answers.sps`
}

// Run prints them.
func (c surveyExportCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.SurveyLead); err != nil {
			return err
		}
		return h.Surveys.Write(ctx, sys.Out, at, c.ID, c.Format, c.Language, access.From(ctx).ID)
	})
}
