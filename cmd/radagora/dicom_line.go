package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// dicomCmd asks DICOM peers, for whoever installs or looks for a fault.
type dicomCmd struct {
	Echo  dicomEchoCmd `cmd:"" help:"Ask whether a peer answers (C-ECHO)."`
	Find  dicomFindCmd `cmd:"" help:"Ask a peer what it has, or what is on its worklist (C-FIND)."`
	Get   dicomGetCmd  `cmd:"" help:"Fetch from a peer into a folder (C-GET)."`
	Move  dicomMoveCmd `cmd:"" help:"Have a peer send to another one (C-MOVE)."`
	Store sendCmd      `cmd:"" help:"Send files to a peer (C-STORE); the same as radagora send."`
}

// A dicomLine says whom to call, and how.
type dicomLine struct {
	To       string        `required:"" placeholder:"TITLE=HOST:PORT" help:"Whom to ask."`
	AE       string        `default:"RADAGORA" help:"Our application entity title."`
	TLS      bool          `name:"tls" help:"Call over TLS."`
	CA       string        `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that vouch for the peer; without it, those of this machine."`
	Cert     string        `name:"tls-cert" placeholder:"FILE" help:"Our certificate (PEM), if the peer asks for one."`
	Key      string        `name:"tls-key" placeholder:"FILE" help:"Its private key (PEM)."`
	User     string        `placeholder:"NAME" help:"Say who we are (user identity negotiation)."`
	Passcode string        `name:"passcode-file" placeholder:"FILE" help:"With this passcode, the first line of a file."`
	Timeout  time.Duration `default:"60s" help:"How long an answer may take."`
}

// dial opens an association.
func (l dicomLine) dial(ctx context.Context, sys *system, c dimse.Config) (*dimse.Association, error) {
	title, addr, err := peerOf(l.To)
	if err != nil {
		return nil, usageError{err}
	}
	c.Calling, c.Called, c.Now, c.Log, c.Timeout = l.AE, title, sys.Now, sys.Log, l.Timeout
	if c.TLS, err = l.secure(); err != nil {
		return nil, err
	}
	if c.Identity, err = l.identity(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	return dimse.Dial(ctx, addr, c)
}

// secure returns how to speak TLS, nil for without.
func (l dicomLine) secure() (*tls.Config, error) {
	if !l.TLS {
		if l.CA+l.Cert+l.Key != "" {
			return nil, wrong("--tls-ca, --tls-cert and --tls-key go with --tls")
		}
		return nil, nil //nolint:nilnil // without TLS
	}
	pool, err := authorities(l.CA)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, RootCAs: pool}
	if l.Cert != "" || l.Key != "" {
		pair, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "certificate %s with key %s: %w", l.Cert, l.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// identity returns who we say we are, nil for nobody.
func (l dicomLine) identity() (*dimse.Identity, error) {
	if l.User == "" {
		return nil, nil //nolint:nilnil // nobody
	}
	i := &dimse.Identity{Type: dimse.UserName, Primary: []byte(l.User)}
	if l.Passcode != "" {
		b, err := os.ReadFile(l.Passcode)
		if err != nil {
			return nil, err
		}
		line, _, _ := strings.Cut(string(b), "\n")
		i.Type, i.Secondary = dimse.UserPasscode, []byte(strings.TrimRight(line, "\r"))
	}
	return i, nil
}

// dicomEchoCmd asks whether a peer answers.
type dicomEchoCmd struct{ dicomLine }

func (dicomEchoCmd) Help() string {
	return `Opens an association, asks whether the peer is there (C-ECHO) and says how long the answer took and what the
peer says it is. Exits with 1 and the reason if it does not answer.

Example:

    radagora dicom echo --to PACS=10.0.0.5:104`
}

// Run asks once.
func (c dicomEchoCmd) Run(ctx context.Context, sys *system) error {
	began := sys.Now()
	assoc, err := c.dial(ctx, sys, dimse.Config{})
	if err != nil {
		return err
	}
	status, err := assoc.Echo(ctx)
	if err == nil {
		err = status.Err()
	}
	if err != nil {
		assoc.Abort()
		return err
	}
	took := sys.Now().Sub(began).Round(time.Millisecond)
	fmt.Fprintf(sys.Out, "%s answered after %s (%s)\n", c.To, took, orWord(assoc.Peer().Version, "it does not say what it is"))
	return assoc.Release(ctx)
}

// orWord returns s, or a word if it is empty.
func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// A question is an identifier as it is typed.
type question struct {
	Level string   `default:"STUDY" enum:"PATIENT,STUDY,SERIES,IMAGE" help:"PATIENT, STUDY, SERIES or IMAGE."`
	Root  string   `default:"study" enum:"study,patient" help:"Information model: study or patient (root)."`
	Keys  []string `arg:"" optional:"" name:"key" help:"KEYWORD=VALUE asks, KEYWORD returns; of items, such as ScheduledProcedureStepSequence.Modality=CT."`
}

// model returns one of the classes of the information model.
func (q question) model(study, patient uid.UID) uid.UID {
	if q.Root == "patient" || q.Level == "PATIENT" {
		return patient
	}
	return study
}

// identifier returns the data set, with level unless that is "".
func identifier(level string, keys []string) (*dicom.Dataset, error) {
	items := map[tag.Tag]*dicom.Builder{}
	b := dicom.NewBuilder()
	for _, k := range keys {
		name, value, _ := strings.Cut(k, "=")
		in := b
		if of, name2, ok := strings.Cut(name, "."); ok {
			t, err := tagNamed(of)
			if err != nil {
				return nil, err
			}
			if items[t] == nil {
				items[t] = dicom.NewBuilder()
			}
			in, name = items[t], name2
		}
		t, err := tagNamed(name)
		if err != nil {
			return nil, err
		}
		if value == "" {
			in.Text(t)
		} else {
			in.Bytes(t, tag.VROf(t), []byte(value+strings.Repeat(" ", len(value)%2)))
		}
	}
	for t, item := range items {
		b.Sequence(t, item)
	}
	if level != "" {
		b.Text(tag.QueryRetrieveLevel, level)
	}
	ds, err := b.Text(tag.SpecificCharacterSet, "ISO_IR 192").Dataset()
	if err != nil {
		return nil, usageError{err}
	}
	return ds, nil
}

// tagNamed returns a tag by its keyword.
func tagNamed(keyword string) (tag.Tag, error) {
	t, ok := tag.ByKeyword(keyword)
	if !ok {
		return 0, wrong("%q is no keyword of the DICOM dictionary, such as PatientID", keyword)
	}
	return t, nil
}

// querySyntaxes are the transfer syntaxes of identifiers.
var querySyntaxes = []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}
