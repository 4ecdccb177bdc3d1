package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"radagora/access"
	"radagora/fault"
	"radagora/fhir"
	"radagora/form"
	"radagora/lang"
)

type formCmd struct {
	List    formListCmd    `cmd:"" help:"List forms and their versions."`
	Check   formCheckCmd   `cmd:"" help:"Say what is wrong with a Questionnaire."`
	Put     formPutCmd     `cmd:"" help:"Keep a Questionnaire as a draft."`
	Publish formPublishCmd `cmd:"" help:"Publish or retire a version."`
	Show    formShowCmd    `cmd:"" help:"Print a version as FHIR JSON."`
	Diff    formDiffCmd    `cmd:"" help:"Say what differs between two versions."`
	Answers formAnswersCmd `cmd:"" help:"List what was answered, or print one."`
}

type formListCmd struct {
	settings
	JSON bool `name:"json" help:"Print an array with one element for each version."`
}

func (formListCmd) Help() string {
	return `Lists every version of every form, those that come with the program among them.

Example:

    radagora form list --data /var/lib/radagora`
}

// Run prints them.
func (c formListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormRead); err != nil {
			return err
		}
		all, err := h.formVersions(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tVERSION\tFORM\tTITLE")
		for _, v := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.State, v.Version, v.Form, v.Title)
		}
		return w.Flush()
	})
}

type formCheckCmd struct {
	File string `arg:"" type:"existingfile" help:"Questionnaire (R4) as JSON."`
}

func (formCheckCmd) Help() string {
	return `Says what is wrong with a form, each mistake with the link id of its question, and fails if the form cannot be asked. Nothing is kept.

Example:

    radagora form check rounds.json`
}

// Run checks it.
func (c formCheckCmd) Run(_ context.Context, sys *system) error {
	text, err := formText(c.File)
	if err != nil {
		return err
	}
	r, err := fhir.Parse(text)
	if err != nil {
		return err
	}
	d, problems := form.Parse(r)
	p, err := english()
	if err != nil {
		return err
	}
	tellProblems(sys, p, problems)
	if d == nil {
		return fault.Errorf(fault.Invalid, "the form cannot be asked")
	}
	_, err = fmt.Fprintf(sys.Out, "%d items, asked in %v\n", len(d.All()), d.Languages)
	return err
}

// tellProblems prints what is wrong with a form.
func tellProblems(sys *system, p *lang.Printer, problems []form.Problem) {
	for _, x := range problems {
		minor := ""
		if x.Minor {
			minor = " (" + p.T("form.minor") + ")"
		}
		link := x.LinkID
		if link == "" {
			link = p.T("form.whole")
		}
		fmt.Fprintf(sys.Out, "%s: %s: %s%s\n", link, p.T("form.rule_"+x.Rule), x.Detail, minor)
	}
}

// formText reads a file with a form.
func formText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.As(fault.NotFound, err)
	}
	if info.Size() > form.MaxForm {
		return nil, fault.Errorf(fault.Exhausted, "the form is longer than %d bytes", form.MaxForm)
	}
	text, err := os.ReadFile(path)
	return text, fault.As(fault.Unavailable, err)
}

type formPutCmd struct {
	settings
	File string `arg:"" type:"existingfile" help:"Questionnaire (R4) as JSON."`
}

func (formPutCmd) Help() string {
	return `Keeps a form as a draft, in place of the draft of that version if there is one. What was published never changes: give the changed form the next version.

Example:

    radagora form put rounds.json --data /var/lib/radagora`
}

// Run keeps it.
func (c formPutCmd) Run(ctx context.Context, sys *system) error {
	text, err := formText(c.File)
	if err != nil {
		return err
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormEdit); err != nil {
			return err
		}
		p, err := english()
		if err != nil {
			return err
		}
		v, problems, err := h.Forms.Put(ctx, at, text, access.From(ctx).ID)
		tellProblems(sys, p, problems)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s %s: %s\n", v.URL, v.Version, v.State)
		return err
	})
}

type formPublishCmd struct {
	settings
	Form    string `arg:"" help:"Canonical address of the form."`
	Version string `arg:"" help:"Its version."`
	Retire  bool   `help:"End it instead: it takes no new answers."`
}

func (formPublishCmd) Help() string {
	return `Publishes a draft: from then on it can be answered, and never changes again.

Example:

    radagora form publish https://example.org/forms/rounds 1 --data /var/lib/radagora`
}

// Run publishes it.
func (c formPublishCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormEdit); err != nil {
			return err
		}
		state := form.Active
		if c.Retire {
			state = form.Retired
		}
		if err := h.Forms.Publish(ctx, at, c.Form, c.Version, state, access.From(ctx).ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(sys.Out, "%s %s: %s\n", c.Form, c.Version, state)
		return err
	})
}

type formShowCmd struct {
	settings
	Form    string `arg:"" help:"Canonical address of the form."`
	Version string `arg:"" help:"Its version."`
}

func (formShowCmd) Help() string {
	return `Prints a version of a form as it is kept, a FHIR Questionnaire (R4).

Example:

    radagora form show https://radagora.org/fhir/Questionnaire/protocol-review 0.1 --data /var/lib/radagora > review.json`
}

// Run prints it.
func (c formShowCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormRead); err != nil {
			return err
		}
		_, v, err := h.Forms.Form(ctx, at, c.Form, c.Version)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(sys.Out, onLines(v.Resource))
		return err
	})
}

type formDiffCmd struct {
	settings
	Form  string `arg:"" help:"Canonical address of the form."`
	Older string `arg:"" help:"Version to compare with."`
	Later string `arg:"" help:"Version that is compared."`
}

func (formDiffCmd) Help() string {
	return `Says what differs in a later version, question by question. An exclamation mark stands where older answers do not fit any more.

Example:

    radagora form diff https://example.org/forms/rounds 1 2 --data /var/lib/radagora`
}

// Run compares them.
func (c formDiffCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormRead); err != nil {
			return err
		}
		older, _, err := h.Forms.Form(ctx, at, c.Form, c.Older)
		if err != nil {
			return err
		}
		later, _, err := h.Forms.Form(ctx, at, c.Form, c.Later)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "\tQUESTION\tWHAT\tBEFORE\tNOW")
		for _, x := range form.Diff(older, later) {
			mark := ""
			if x.Breaks {
				mark = "!"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", mark, x.LinkID, x.What, x.Old, x.New)
		}
		return w.Flush()
	})
}

type formAnswersCmd struct {
	settings
	ID   string `arg:"" optional:"" help:"Id of one: it is printed as FHIR QuestionnaireResponse."`
	Form string `help:"Of this form only, by its canonical address."`
	JSON bool   `name:"json" help:"Print the list as an array."`
}

func (formAnswersCmd) Help() string {
	return `Lists what was answered, the latest first, at most a thousand; with an id, prints that one as FHIR JSON. Answers about a patient are printed for those only who may know the patient.

Example:

    radagora form answers --data /var/lib/radagora`
}

// Run prints them.
func (c formAnswersCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.FormRead); err != nil {
			return err
		}
		if c.ID != "" {
			r, s, err := h.openResponse(ctx, access.FormRead, c.ID)
			if err != nil {
				return err
			}
			resource, err := formResource(r, s, s.Language)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(sys.Out, onLines(resource))
			return err
		}
		all, err := h.formAnswers(ctx, c.Form)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tANSWERED\tVERSION\tSAVED\tID\tTITLE")
		for _, r := range all {
			fmt.Fprintf(w, "%s\t%d/%d\t%s\t%s\t%s\t%s\n", r.State, r.Answered, r.Asked, r.Version, r.Saved.Format("2006-01-02 15:04"), r.ID, r.Title)
		}
		return w.Flush()
	})
}
