// Command radagora is the one binary: one command one file; configuration and wiring.
//
// Exit codes: 0 all done, 1 failed or partly failed, 2 wrong use (an unknown
// flag, a setting that cannot be). Each command's help ends with an example.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// A program is the command line: one field, one command, one file.
type program struct {
	File string  `name:"config" placeholder:"FILE" help:"Read settings from this YAML file; flags and the environment win over it."`
	Log  logging `embed:"" prefix:"log-"`

	Account     accountCmd     `cmd:"" help:"Look after accounts: who may sign in, with which roles."`
	Backup      backupCmd      `cmd:"" help:"Copy everything to another place, and prove it."`
	Changes     changesCmd     `cmd:"" help:"Follow what happens to studies, and tell other systems."`
	Check       checkCmd       `cmd:"" help:"Check archive and journal."`
	Client      clientCmd      `cmd:"" help:"Register machines that sign their requests."`
	Coerce      coerceCmd      `cmd:"" help:"Change attributes of what peers send, as it comes."`
	Conformance conformanceCmd `cmd:"" help:"Print the DICOM conformance statement."`
	Config      configCmd      `cmd:"" help:"Look at the configuration."`
	Content     contentCmd     `cmd:"" help:"Look at the knowledge: reference levels, rules, words."`
	Demo        demoCmd        `cmd:"" help:"Load the demonstration year."`
	Dicom       dicomCmd       `cmd:"" help:"Ask, fetch from and send to DICOM peers."`
	Document    documentCmd    `cmd:"" help:"Look after protocols, procedures and manuals."`
	Dose        doseCmd        `cmd:"" help:"Read dose reports."`
	Dump        dumpCmd        `cmd:"" help:"Print the header and content tree of DICOM files."`
	Audit       auditCmd       `cmd:"" help:"Lead clinical audits, and sign what inspectors get."`
	Evidence    evidenceCmd    `cmd:"" help:"Compute facts for audits and indicators."`
	HL7         hl7Cmd         `cmd:"" name:"hl7" help:"Read, send and take HL7 v2 messages."`
	Import      importCmd      `cmd:"" help:"Take files, folders and zip archives in."`
	Incident    incidentCmd    `cmd:"" help:"Report incidents and list the register."`
	Quality     qualityYearCmd `cmd:"" help:"List what is due of the quality programme."`
	Survey      surveyCmd      `cmd:"" help:"Ask many people the same questions once."`
	Form        formCmd        `cmd:"" help:"Make forms, and list what was answered."`
	Journal     journalCmd     `cmd:"" help:"Search, export and verify the journal."`
	Licences    licencesCmd    `cmd:"" help:"Print the licences of everything inside."`
	Maturity    maturityCmd    `cmd:"" help:"Assess digital maturity."`
	Message     messageCmd     `cmd:"" help:"Look after HL7 messages of other systems: who sends, what came of them, replay."`
	Migrate     migrateCmd     `cmd:"" help:"Take over what another archive has."`
	Person      personCmd      `cmd:"" help:"Know which identifiers mean the same person."`
	Privacy     privacyCmd     `cmd:"" help:"Meet a person's rights: export, erase, restrict; the record of processing."`
	Equipment   equipmentCmd   `cmd:"" help:"Know the age of machines and their tests."`
	People      qualifyCmd     `cmd:"" name:"qualification" help:"Know who is qualified, appointed and trained."`
	Rebuild     rebuildCmd     `cmd:"" help:"Derive everything again."`
	Restore     restoreCmd     `cmd:"" help:"Put a backup back on an empty machine."`
	Send        sendCmd        `cmd:"" help:"Send files to a DICOM peer."`
	Serve       serveCmd       `cmd:"" help:"Open the doors: pages and DICOM."`
	Token       tokenCmd       `cmd:"" help:"Make, list and revoke API tokens."`
	Study       studyCmd       `cmd:"" help:"Correct and reject studies, and undo it."`
	Storage     storageCmd     `cmd:"" help:"Look after what is kept: room, integrity, copies, deletion, holds."`
	Stars       starsCmd       `cmd:"" help:"Assess quality stars."`
	Status      statusCmd      `cmd:"" help:"Tell how the installation stands."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Worklist    worklistCmd    `cmd:"" help:"Write, list and cancel orders."`
}

// A system is what a command may touch of the machine. Tests own it.
type system struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	Log      *slog.Logger // set once the command line is read; writes to Err

	file *settingsFile // what --config named, nil for none
}

// A usageError is an error that exits with exitUsage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// wrong returns an error for a command line or setting that cannot be.
func wrong(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], &system{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now})
	stop()
	os.Exit(code)
}

// run reads the command line, runs its command and returns the exit code.
func run(ctx context.Context, args []string, sys *system) int {
	sys.Err = together(sys.Err)
	var p program
	parser, err := newParser(&p, sys)
	if err != nil {
		fmt.Fprintln(sys.Err, "radagora:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(sys.Err, "radagora:", err)
		fmt.Fprintln(sys.Err, "See:", strings.Join(append([]string{"radagora"}, helpFor(err)...), " "))
		return exitUsage
	}
	sys.Log = p.Log.logger(sys.Err)
	chosen.BindTo(ctx, (*context.Context)(nil))
	if err := chosen.Run(); err != nil {
		fmt.Fprintln(sys.Err, "radagora:", err)
		if errors.As(err, new(usageError)) {
			return exitUsage
		}
		return exitFailed
	}
	return exitDone
}

// newParser builds the command line into p, which may be any struct in tests.
func newParser(p any, sys *system) (*kong.Kong, error) {
	parser, err := kong.New(p,
		kong.Name("radagora"),
		kong.Description("Every measurement stands beside its reference."),
		kong.Writers(sys.Out, sys.Err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.PostBuild(nameSettings),
		kong.WithBeforeResolve(resolveSettings),
		kong.Bind(sys),
	)
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err)
	}
	return parser, nil
}

// helpFor returns the words that show the help of the command that err is about.
func helpFor(err error) []string {
	var words []string
	if e := new(kong.ParseError); errors.As(err, &e) && e.Context != nil {
		for _, path := range e.Context.Path {
			if path.Command != nil {
				words = append(words, path.Command.Name)
			}
		}
	}
	return append(words, "--help")
}
