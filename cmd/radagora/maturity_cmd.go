package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"radagora/access"
	"radagora/fault"
	"radagora/maturity"
	"radagora/web"
)

type maturityCmd struct {
	Show   maturityShowCmd   `cmd:"" help:"Show level, gates and gap list of the newest assessment."`
	Open   maturityOpenCmd   `cmd:"" help:"Open an assessment."`
	Answer maturityAnswerCmd `cmd:"" help:"Answer questions of the open assessment."`
	Close  maturityCloseCmd  `cmd:"" help:"Freeze the open assessment with its result."`
	Report maturityReportCmd `cmd:"" help:"Write one page for the board as PDF."`
	Share  maturityShareCmd  `cmd:"" help:"Write the signed result for other sites."`
	Import maturityImportCmd `cmd:"" help:"Take the signed result of another site."`
}

type starsCmd struct {
	Show   starsShowCmd   `cmd:"" help:"Show the stars of the newest assessment, and what is open."`
	Open   starsOpenCmd   `cmd:"" help:"Open an assessment."`
	Answer starsAnswerCmd `cmd:"" help:"Say of criteria that they are met or open."`
	Close  starsCloseCmd  `cmd:"" help:"Freeze the open assessment with its result."`
}

// newest returns the newest assessment of a kind.
func (h *house) newest(ctx context.Context, kind maturity.Kind) (*maturity.Assessment, error) {
	all, err := h.Maturity.List(ctx, at, kind)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "there is no assessment yet: open one with \"radagora %s open NAME\"", kind)
	}
	return h.Maturity.Get(ctx, at, kind, all[0].ID)
}

type maturityShowCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (maturityShowCmd) Help() string {
	return `Shows the newest digital maturity self-assessment: level in both readings of the rule on decision support, each gate, and what
is missing to the next level. The criteria are our own; a level is no official stage of any model.

Example:

    radagora maturity show --data /var/lib/radagora`
}

// Run prints it.
func (c maturityShowCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, f, err := h.shownAssessment(ctx, maturity.Digital)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, f)
		}
		live, linked, err := h.liveEvidence()
		if err != nil {
			return err
		}
		r := f.Result
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintf(w, "assessment\t%s, %s\nlevel\t%d (%d if levels 5 to 7 also need decision support)\nanswered\t%d of %d, mandatory %d of %d\nlive evidence\t%d of %d criteria\n",
			a.Name, a.State, r.Level, r.FloorLevel, r.Answered, r.Total, r.Mandatory, r.Demanded, live, linked)
		for _, g := range r.Gates {
			fmt.Fprintf(w, "%s\t%d %%, mean %.2f, met %v\n", g.Code, g.Percent(), g.Mean(), g.Met)
		}
		for _, x := range r.Gap {
			fmt.Fprintf(w, "missing to %s\t%s is %d, %d short\n", r.Next, x.ID, x.Answer, x.Points)
		}
		if r.Short > 0 {
			fmt.Fprintf(w, "missing to %s\t%d points in the mean\n", r.Next, r.Short)
		}
		return w.Flush()
	})
}

// shownAssessment returns the newest assessment with its result.
func (h *house) shownAssessment(ctx context.Context, kind maturity.Kind) (*maturity.Assessment, *maturity.Frozen, error) {
	a, err := h.newest(ctx, kind)
	if err != nil {
		return nil, nil, err
	}
	f, err := h.Maturity.Result(ctx, a)
	return a, f, err
}

type maturityOpenCmd struct {
	settings
	Single bool   `help:"The facility has a single area that makes images."`
	Floor  bool   `name:"needs-support" help:"Levels 5 to 7 also need decision support."`
	Name   string `arg:"" help:"Such as the year."`
}

func (maturityOpenCmd) Help() string {
	return `Opens a digital maturity self-assessment. One can be open at a time.

Example:

    radagora maturity open 2026 --data /var/lib/radagora`
}

// Run opens it.
func (c maturityOpenCmd) Run(ctx context.Context, sys *system) error {
	return c.openAssessment(ctx, sys, maturity.Start{Kind: maturity.Digital, Name: c.Name, Single: c.Single, Floor: c.Floor})
}

func (s settings) openAssessment(ctx context.Context, sys *system, start maturity.Start) error {
	return s.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, err := h.Maturity.Open(ctx, at, access.Local, start)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "assessment %s\n", a.ID)
		}
		return err
	})
}

type maturityAnswerCmd struct {
	settings
	Reason  string   `help:"Why, for all of these answers: of not applicable, and where evidence proposes otherwise."`
	Answers []string `arg:"" name:"item=answer" help:"SI01=4: 0 none, 1 pilot, 2 some, 3 most, 4 all, na, or nothing to take an answer back."`
}

func (maturityAnswerCmd) Help() string {
	return `Answers questions of the open digital maturity self-assessment, all or none.

Example:

    radagora maturity answer SI01=4 SI02=3 --data /var/lib/radagora`
}

// Run keeps them.
func (c maturityAnswerCmd) Run(ctx context.Context, sys *system) error {
	return c.answerAssessment(ctx, sys, maturity.Digital, c.Answers, c.Reason, "")
}

func (s settings) answerAssessment(ctx context.Context, sys *system, kind maturity.Kind, answers []string, reason, due string) error {
	var given []maturity.Given
	for _, text := range answers {
		item, answer, ok := strings.Cut(text, "=")
		g := maturity.Given{Item: item, Reason: reason, Due: due}
		switch answer {
		case "":
			g.Answer = maturity.TakenBack
		case "na":
			g.Answer = maturity.NA
		case "met":
			g.Answer = 1
		case "open":
			g.Answer = 0
		default:
			n, err := strconv.Atoi(answer)
			if err != nil || n < 0 {
				ok = false
			}
			g.Answer = n
		}
		if !ok {
			return fault.Errorf(fault.Invalid, "%q: an answer is written as ITEM=ANSWER, such as SI01=4", text)
		}
		given = append(given, g)
	}
	return s.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, err := h.newest(ctx, kind)
		if err != nil {
			return err
		}
		for i := range given {
			given[i].Before = a.Answers[given[i].Item].Version
		}
		if err := h.Maturity.Answer(ctx, at, access.Local, kind, a.ID, given); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%d answers saved\n", len(given))
		return err
	})
}

type maturityCloseCmd struct{ settings }

func (maturityCloseCmd) Help() string {
	return `Freezes the open digital maturity self-assessment: its answers and its result stay as they are.

Example:

    radagora maturity close --data /var/lib/radagora`
}

// Run closes it.
func (c maturityCloseCmd) Run(ctx context.Context, sys *system) error {
	return c.closeAssessment(ctx, sys, maturity.Digital)
}

func (s settings) closeAssessment(ctx context.Context, sys *system, kind maturity.Kind) error {
	return s.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, err := h.newest(ctx, kind)
		if err != nil {
			return err
		}
		closed, err := h.Maturity.Close(ctx, at, access.Local, kind, a.ID)
		if err != nil {
			return err
		}
		if f := closed.Frozen; f.Stars != nil {
			_, err = fmt.Fprintf(sys.Out, "closed: %d of %d stars, shown until %s\n", f.Stars.Stars, f.Stars.Most, f.Expires)
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "closed: level %d\n", closed.Frozen.Result.Level)
		return err
	})
}

type maturityReportCmd struct {
	settings
	Language string `default:"en" enum:"en,de,fr" help:"Language of the page."`
	PDF      string `required:"" placeholder:"FILE" help:"File to write."`
}

func (maturityReportCmd) Help() string {
	return `Writes one page about the newest digital maturity self-assessment as PDF: level, areas, gap list with who does what.

Example:

    radagora maturity report --pdf board.pdf --data /var/lib/radagora`
}

// Run writes it.
func (c maturityReportCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, err := h.newest(ctx, maturity.Digital)
		if err != nil {
			return err
		}
		quiet, err := h.quietView(c.settings)
		if err != nil {
			return err
		}
		v := maturityView{quiet}
		return toFile(c.PDF, func(w io.Writer) error { return v.BoardReport(ctx, w, c.Language, maturity.Digital, a.ID) })
	})
}

type maturityShareCmd struct {
	settings
	Agreed   bool   `help:"The site agrees that its result leaves it."`
	Country  string `help:"Group to be compared in."`
	Region   string `help:"Group to be compared in."`
	Facility string `help:"Group to be compared in: type of facility."`
}

func (maturityShareCmd) Help() string {
	return `Writes the signed result of the newest digital maturity self-assessment, which must be closed: level and attained per cent,
no answer and no name. Other sites import it. Nothing leaves without --agreed.

Example:

    radagora maturity share --agreed --country IE --data /var/lib/radagora > result.json`
}

// Run writes it.
func (c maturityShareCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, err := h.newest(ctx, maturity.Digital)
		if err != nil {
			return err
		}
		raw, err := h.Maturity.Share(ctx, at, access.Local, maturity.Digital, a.ID, maturity.Group{Country: c.Country, Region: c.Region, Facility: c.Facility}, c.Agreed)
		if err == nil {
			_, err = sys.Out.Write(append(raw, '\n'))
		}
		return err
	})
}

type maturityImportCmd struct {
	settings
	File string `arg:"" help:"File of another site."`
}

func (maturityImportCmd) Help() string {
	return `Takes the signed result of another site for comparison. Groups of fewer than five sites are not shown.

Example:

    radagora maturity import result.json --data /var/lib/radagora`
}

// Run takes it.
func (c maturityImportCmd) Run(ctx context.Context, sys *system) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fault.As(fault.NotFound, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maturity.MostShare+1))
	if err != nil {
		return err
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		s, err := h.Maturity.Import(ctx, at, access.Local, raw)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "%s of %s, level %d\n", s.Kind, s.Day, s.Level)
		}
		return err
	})
}

type starsShowCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (starsShowCmd) Help() string {
	return `Shows the quality stars of the newest assessment and the criteria that are open. The criteria are our own; the result is no
award of any campaign.

Example:

    radagora stars show --data /var/lib/radagora`
}

// Run prints it.
func (c starsShowCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		a, f, err := h.shownAssessment(ctx, maturity.Quality)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, f)
		}
		_, err = fmt.Fprintf(sys.Out, "%s, %s: %d of %d stars\nopen: %s\nwith a plan: %s\n", a.Name, a.State, f.Stars.Stars, f.Stars.Most,
			strings.Join(f.Stars.Open, " "), strings.Join(f.Stars.Planned, " "))
		return err
	})
}

type starsOpenCmd struct {
	settings
	Name string `arg:"" help:"Such as the year."`
}

func (starsOpenCmd) Help() string {
	return `Opens an assessment of the quality stars. One can be open at a time.

Example:

    radagora stars open 2026 --data /var/lib/radagora`
}

// Run opens it.
func (c starsOpenCmd) Run(ctx context.Context, sys *system) error {
	return c.openAssessment(ctx, sys, maturity.Start{Kind: maturity.Quality, Name: c.Name})
}

type starsAnswerCmd struct {
	settings
	Reason  string   `help:"Reason or reference, for all of these."`
	Due     string   `placeholder:"DAY" help:"Of open ones: day by which a plan closes them."`
	Answers []string `arg:"" name:"item=answer" help:"OP1=met, QU2=open, or nothing to take it back."`
}

func (starsAnswerCmd) Help() string {
	return `Says of criteria of the quality stars that they are met or open, all or none. Where evidence says otherwise, a reason is
needed, and both are kept.

Example:

    radagora stars answer QU2=open --due 2027-06-30 --data /var/lib/radagora`
}

// Run keeps them.
func (c starsAnswerCmd) Run(ctx context.Context, sys *system) error {
	return c.answerAssessment(ctx, sys, maturity.Quality, c.Answers, c.Reason, c.Due)
}

type starsCloseCmd struct{ settings }

func (starsCloseCmd) Help() string {
	return `Freezes the open assessment of the quality stars with its result.

Example:

    radagora stars close --data /var/lib/radagora`
}

// Run closes it.
func (c starsCloseCmd) Run(ctx context.Context, sys *system) error {
	return c.closeAssessment(ctx, sys, maturity.Quality)
}

var _ web.Maturity = maturityView{}
