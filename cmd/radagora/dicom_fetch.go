package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
)

// dicomMoveCmd has a peer send to another one.
type dicomMoveCmd struct {
	dicomLine
	question
	Dest string `required:"" placeholder:"TITLE" help:"Application entity title of the destination, as the peer knows it."`
}

func (dicomMoveCmd) Help() string {
	return `Asks a peer to send what the unique keys of the level name to a destination that the peer knows (C-MOVE), and
prints how many went there. Exits with 1 if any did not.

Example:

    radagora dicom move --to PACS=10.0.0.5:104 --dest WORKSTATION StudyInstanceUID=1.2.3`
}

// Run asks and shows how far it has come.
func (c dicomMoveCmd) Run(ctx context.Context, sys *system) error {
	class := c.model(uid.StudyRootQueryRetrieveInformationModelMove, uid.PatientRootQueryRetrieveInformationModelMove)
	ask, err := identifier(c.Level, c.Keys)
	if err != nil {
		return err
	}
	assoc, err := c.dial(ctx, sys, dimse.Config{Propose: []dimse.Proposal{{SOPClass: class, Syntaxes: querySyntaxes}}})
	if err != nil {
		return err
	}
	defer assoc.Abort()
	p, err := assoc.Move(ctx, class, c.Dest, ask, nil)
	fmt.Fprintf(sys.Out, "%d sent, %d with warnings, %d not\n", p.Completed, p.Warning, p.Failed)
	for _, u := range p.Failures {
		fmt.Fprintln(sys.Err, "not sent:", u)
	}
	switch {
	case err != nil:
		return err
	case p.Failed > 0:
		return fault.Errorf(fault.Invalid, "%d instances were not sent", p.Failed)
	}
	return assoc.Release(ctx)
}

// dicomGetCmd fetches into a folder.
type dicomGetCmd struct {
	dicomLine
	question
	Out string `required:"" placeholder:"FOLDER" help:"Write the files here."`
}

func (dicomGetCmd) Help() string {
	return `Fetches what the unique keys of the level name from a peer (C-GET) and writes a file for each instance, called by
its SOP Instance UID. Exits with 1 if any did not come.

Example:

    radagora dicom get --to PACS=10.0.0.5:104 --out study StudyInstanceUID=1.2.3`
}

// Run asks once for as many classes as an association can have, and again for the
// others if something did not come.
func (c dicomGetCmd) Run(ctx context.Context, sys *system) error {
	class := c.model(uid.StudyRootQueryRetrieveInformationModelGet, uid.PatientRootQueryRetrieveInformationModelGet)
	ask, err := identifier(c.Level, c.Keys)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	f := &folder{path: c.Out}
	missing := 0
	for _, classes := range storageClasses() {
		p, err := c.get(ctx, sys, class, ask, classes, f)
		if err != nil && p.Status != dimse.CannotPerform { // which is that all of them failed
			return err
		}
		if missing = p.Completed + p.Warning + p.Failed - f.n; missing <= 0 {
			break
		}
	}
	fmt.Fprintf(sys.Out, "%d fetched, %d not\n", f.n, max(0, missing))
	if missing > 0 {
		return fault.Errorf(fault.Invalid, "%d instances did not come", missing)
	}
	return nil
}

// get asks for instances of some classes.
func (c dicomGetCmd) get(ctx context.Context, sys *system, class uid.UID, ask *dicom.Dataset, classes []uid.UID, f *folder) (p dimse.Progress, err error) {
	config := dimse.Config{Propose: []dimse.Proposal{{SOPClass: class, Syntaxes: querySyntaxes}}, Store: f}
	for _, s := range classes {
		config.Propose = append(config.Propose, dimse.Proposal{SOPClass: s, Syntaxes: querySyntaxes})
		config.Roles = append(config.Roles, dimse.Role{SOPClass: s, SCP: true})
	}
	assoc, err := c.dial(ctx, sys, config)
	if err != nil {
		return p, err
	}
	defer assoc.Abort()
	if p, err = assoc.Get(ctx, class, ask, nil); err != nil {
		return p, err
	}
	return p, assoc.Release(ctx)
}

// seldom begins the names of classes that are asked for last.
var seldom = []string{"DICOS", "Eddy", "RT ", "Robotic", "Tomotherapeutic", "C-Arm", "Ophthalmic", "Implant", "Generic Implant", "Wide Field"}

// storageClasses returns the storage classes that are not retired, in parts that fit an
// association beside the class of the question.
func storageClasses() [][]uid.UID {
	var often, others []uid.UID
	for e := range uid.All() {
		if !e.Storage || e.Retired {
			continue
		}
		rare := false
		for _, s := range seldom {
			rare = rare || strings.HasPrefix(e.Name, s)
		}
		if rare {
			others = append(others, e.UID)
		} else {
			often = append(often, e.UID)
		}
	}
	all := append(often, others...)
	return [][]uid.UID{all[:maxContexts-1], all[maxContexts-1:]}
}

// A folder keeps what is fetched.
type folder struct {
	path string
	mu   sync.Mutex
	n    int
}

// Store implements dimse.Storer.
func (f *folder) Store(_ context.Context, in *dimse.Incoming) (func(context.Context) error, error) {
	tmp, err := os.CreateTemp(f.path, ".part-*")
	if err != nil {
		return nil, fault.As(fault.Exhausted, err)
	}
	w := bufio.NewWriterSize(tmp, 256<<10)
	err = dicom.WriteMeta(w, dicom.Meta{SOPClass: in.SOPClass, SOPInstance: in.SOPInstance, TransferSyntax: in.TransferSyntax})
	if err == nil {
		_, err = io.Copy(w, in.Data)
	}
	if err = errors.Join(err, w.Flush(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.path, in.SOPInstance.String()+".dcm"))
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(tmp.Name()))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return nil, nil //nolint:nilnil // nothing to wait for
}
