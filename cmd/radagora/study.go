package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/content"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
)

type studyCmd struct {
	Correct studyCorrectCmd `cmd:"" help:"Say what is right about the patient of a study, series or instance."`
	Reject  studyRejectCmd  `cmd:"" help:"Write a rejection note about a study, series or instance, and follow it."`
	Undo    studyUndoCmd    `cmd:"" help:"Take a correction or a rejection back."`
	List    studyListCmd    `cmd:"" help:"List corrections and rejections."`
	Aside   studyAsideCmd   `cmd:"" help:"List objects that came under the UID of another one, or decide about one."`
}

// titles returns the titles of rejection notes and what each does.
func titles(library *content.Library) ([]archive.Title, error) {
	table, err := library.Table(site.Default, "archive/rejection", "titles")
	if err != nil {
		return nil, err
	}
	var all []archive.Title
	for row := range table.All() {
		all = append(all, archive.Title{
			Code: row.Text("code"), Scheme: row.Text("scheme"), Meaning: row.Text("title"),
			Hides: row.Text("hides") == "yes", Kept: row.Text("kept") == "yes", Again: row.Text("again") == "yes",
		})
	}
	return all, nil
}

type studyCorrectCmd struct {
	settings
	targetFlags
	PatientID *string `name:"patient-id" placeholder:"ID" help:"The right patient ID."`
	Issuer    *string `placeholder:"ISSUER" help:"Who issued it."`
	Name      *string `placeholder:"NAME" help:"The right name, as DICOM writes it: FAMILY^GIVEN."`
	Birth     *string `placeholder:"YYYYMMDD" help:"The right birth date."`
	Sex       *string `placeholder:"SEX" help:"The right sex: M, F or O."`
	Accession *string `placeholder:"NUMBER" help:"The right accession number."`
	Split     bool    `help:"The series is of another patient than the rest: it gets a study of its own."`
	Preview   bool    `help:"Only say what would change, without a word of who the patient is."`
	Reason    string  `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (studyCorrectCmd) Help() string {
	return `Only what is given is changed; an empty value empties it. The objects stay as they were received and can still be
had; lists, answers and everything that is sent out say what is right, and in Original Attributes Sequence what was
changed. What arrives later under the wrong identity is corrected, too. "radagora study undo" takes it back.
With --split and --series the series gets a Study Instance UID of its own, and what comes later to it goes there.
` + needsFolder + `

Example:

    radagora study correct --data /var/lib/radagora --study 1.2.3 --patient-id 4711 --name 'DOE^JANE' --reason "wrong worklist entry"`
}

// Run corrects.
func (c studyCorrectCmd) Run(ctx context.Context, sys *system) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	var values []archive.Value
	for _, x := range []struct {
		tag  tag.Tag
		text *string
	}{
		{tag.PatientID, c.PatientID},
		{tag.IssuerOfPatientID, c.Issuer},
		{tag.PatientName, c.Name},
		{tag.PatientBirthDate, c.Birth},
		{tag.PatientSex, c.Sex},
		{tag.AccessionNumber, c.Accession},
	} {
		if x.text != nil {
			values = append(values, archive.Value{Tag: x.tag, Text: archive.Conceal(*x.text)})
		}
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.LinkChange); err != nil {
			return err
		}
		if c.Preview {
			return c.preview(ctx, sys, h, t, values)
		}
		correct := h.Archive.Correct
		if c.Split {
			correct = h.Archive.Split
		}
		made, err := correct(ctx, at, t, values, c.Reason)
		if err == nil && c.Split {
			_, err = fmt.Fprintf(sys.Out, "study %s\n", made.Split)
		}
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "corrected; to take it back: radagora study undo %s\n", made.ID)
		}
		return err
	})
}

// preview says what would change.
func (c studyCorrectCmd) preview(ctx context.Context, sys *system, h *house, t archive.Target, values []archive.Value) error {
	list, err := h.Archive.Effects(ctx, at, t, values, c.Split)
	if err != nil {
		return err
	}
	for _, e := range list {
		var what []string
		for i, b := range e.Before {
			if i < len(e.After) && b.Text.Reveal() != e.After[i].Text.Reveal() {
				what = append(what, b.Tag.Keyword())
			}
		}
		if _, err := fmt.Fprintf(sys.Out, "series %s: %d objects would say otherwise: %s\n", e.Series, e.Instances, strings.Join(what, ", ")); err != nil {
			return err
		}
	}
	return nil
}

type studyRejectCmd struct {
	settings
	targetFlags
	Title  string `required:"" placeholder:"CODE" help:"113001 quality, 113037 patient safety, 113038 wrong worklist entry, 113039 retention has ended."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it stands in the note, and is journalled."`
}

func (studyRejectCmd) Help() string {
	return `Writes a Key Object Selection with the title as the profile Imaging Object Change Management of IHE says, keeps it in
the study, and follows it: what it names is hidden, and stays. What each title does is content: archive/rejection.
` + needsFolder + `

Example:

    radagora study reject --data /var/lib/radagora --study 1.2.3 --sop 1.2.3.4.5 --title 113001 --reason "moved"`
}

// Run rejects.
func (c studyRejectCmd) Run(ctx context.Context, sys *system) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		j, err := h.Archive.Reject(ctx, at, t, c.Title, c.Reason)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "rejected: %d objects; to take it back: radagora study undo %s\n", j.Objects, j.ID)
		}
		return err
	})
}

type studyUndoCmd struct {
	settings
	ID     string `arg:"" help:"Id of the correction or rejection, as \"radagora study list\" lists it."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (studyUndoCmd) Help() string {
	return `After a correction is undone, everything is as if it had never been made; what a rejection hid is there again.
` + needsFolder + `

Example:

    radagora study undo --data /var/lib/radagora --reason "it was right" 0198c0de-0001-7000-8000-000000000001`
}

// Run takes back.
func (c studyUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		act, undo := access.LinkChange, h.Archive.Uncorrect
		if _, err := h.Archive.Correction(ctx, at, c.ID); err != nil {
			if fault.Of(err) != fault.NotFound {
				return err
			}
			act, undo = access.ObjectDelete, h.Archive.Unreject
		}
		if err := may(ctx, act); err != nil {
			return err
		}
		if err := undo(ctx, at, c.ID, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintln(sys.Out, "taken back")
		return err
	})
}

type studyListCmd struct {
	settings
	Study string `placeholder:"UID" help:"Only those of one study, by its Study Instance UID."`
}

func (studyListCmd) Help() string {
	return `Prints corrections and rejections, the latest first: what they are about and whether they hold, without a word of who
the patient is.

Example:

    radagora study list --data /var/lib/radagora`
}

// Run lists.
func (c studyListCmd) Run(ctx context.Context, sys *system) error {
	var study uid.UID
	if c.Study != "" {
		var err error
		if study, err = uid.Parse(c.Study); err != nil {
			return wrong("not a UID: %w", err)
		}
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.LinkChange); err != nil {
			return err
		}
		corrections, err := h.Archive.Corrections(ctx, at, study, 1000)
		if err != nil {
			return err
		}
		rejections, err := h.Archive.Rejections(ctx, at, study, 1000)
		if err != nil {
			return err
		}
		var lines []string
		for _, k := range corrections {
			var what []string
			for _, v := range k.Values {
				what = append(what, v.Tag.Keyword())
			}
			lines = append(lines, fmt.Sprintf("%s\tcorrection\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Target.Study, strings.Join(what, ","), k.Actor, atTime(k.At), standing(k.Undone), k.Reason))
		}
		for _, j := range rejections {
			lines = append(lines, fmt.Sprintf("%s\trejection\t%s\t%s, %d objects\t%s\t%s\t%s\t%s\n", j.ID, j.Study, j.Title, j.Objects, j.Actor, atTime(j.At), standing(j.Undone), j.Reason))
		}
		slices.Sort(lines)
		slices.Reverse(lines)
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, line := range lines {
			fmt.Fprint(w, line)
		}
		return w.Flush()
	})
}

func atTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func standing(undone time.Time) string {
	if undone.IsZero() {
		return "holds"
	}
	return "undone " + atTime(undone)
}
