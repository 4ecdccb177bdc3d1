package main

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive/exchange"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/site"
)

// TestCommitmentAsked sends to a peer of the same program, which answers on the same
// association, and to dcmtk, which offers no commitment.
func TestCommitmentAsked(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to send: python3-pydicom is not installed")
	}
	far := serve(t, t.TempDir(), "--ae", "FAR")
	plain := startReceiver(t, "PLAIN", "+xa")
	b := openLibrary(t, "")
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	check(t, sendCmd{To: "RADAGORA=" + b.addr, AE: "KNOWN", Paths: []string{twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121")}}.Run(t.Context(), sys))
	for title, c := range map[string]struct{ at, want string }{
		"FAR": {far.dicom, exchange.CommitDone}, "PLAIN": {"127.0.0.1:" + plain.port, exchange.CommitNotOffered},
	} {
		check(t, b.h.Sites.SetPeer(t.Context(), access.Local, peerAt(t, title, c.at)))
		check(t, b.h.Exchange.Send(t.Context(), access.Local, at, title, "1.2.3", "", exchange.All, false))
		eventually(t, title, func() bool {
			list, err := b.h.Exchange.Transfers(t.Context(), at, "1.2.3", nil, 10)
			check(t, err)
			for _, x := range list {
				if x.Peer == title && x.State == exchange.Done && x.Commitment == c.want {
					return true
				}
			}
			return false
		})
	}
}

// TestCommitmentReported: what a peer reports that was not asked is not taken, and what
// is no report neither.
func TestCommitmentReported(t *testing.T) {
	b := openLibrary(t, "")
	a, err := dimse.Dial(t.Context(), b.addr, dimse.Config{
		Calling: "KNOWN", Called: "RADAGORA", Now: time.Now, Propose: []dimse.Proposal{farCommit},
		Roles: []dimse.Role{{SOPClass: uid.StorageCommitmentPushModel, SCP: true}},
	})
	check(t, err)
	defer a.Abort()
	of := func(transaction string) *dicom.Dataset {
		ds, err := dicom.NewBuilder().Text(tag.TransactionUID, transaction).Dataset()
		check(t, err)
		return ds
	}
	for name, c := range map[string]struct {
		kind uint16
		ds   *dicom.Dataset
		want dimse.Status
	}{
		"nothing was asked": {1, of("1.2.9"), dimse.InvalidArgument},
		"no transaction":    {1, of(""), dimse.InvalidArgument},
		"nothing is said":   {2, nil, dimse.InvalidArgument},
		"another event":     {7, of("1.2.9"), dimse.NoSuchEvent},
	} {
		_, err := a.Do(t.Context(), &dimse.Request{
			Operation: dimse.EventReport, SOPClass: uid.StorageCommitmentPushModel, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: c.kind, Dataset: c.ds,
		})
		if got := statusIn(err); got != c.want {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
}

// TestTitles: under a further title the program offers what it is told to, to whom it is
// told to, from one association to the next.
func TestTitles(t *testing.T) {
	b := openLibrary(t, "")
	check(t, b.h.Sites.SetTitle(t.Context(), access.Local, site.Title{
		AETitle: "DOSE", Services: []site.Service{site.Stores, site.Commits}, Keep: site.KeepReports, Callers: []string{"KNOWN"},
	}))
	check(t, b.h.Sites.SetTitle(t.Context(), access.Local, site.Title{AETitle: "WL", Services: []site.Service{site.Worklists, site.Performs}}))
	classes := []uid.UID{
		uid.CTImageStorage, uid.XRayRadiationDoseSRStorage, uid.StudyRootQueryRetrieveInformationModelFind, uid.StudyRootQueryRetrieveInformationModelMove,
		uid.ModalityWorklistInformationModelFind, uid.ModalityPerformedProcedureStep, uid.StorageCommitmentPushModel,
	}
	call := func(calling, called string) (taken string, err error) {
		c := dimse.Config{Calling: calling, Called: called, Now: time.Now}
		for _, class := range classes {
			c.Propose = append(c.Propose, dimse.Proposal{SOPClass: class, Syntaxes: plainSyntaxes})
		}
		a, err := dimse.Dial(context.Background(), b.addr, c)
		if err != nil {
			return "", err
		}
		defer a.Abort()
		for _, class := range classes {
			if offers(a, class) {
				taken += "1"
			} else {
				taken += "0"
			}
		}
		return taken, nil
	}
	for _, c := range []struct{ calling, called, want string }{
		{"KNOWN", "RADAGORA", "1111111"},
		{"KNOWN", "DOSE", "0100001"},
		{"KNOWN", "WL", "0000110"},
		{"LIMITED", "WL", "0000110"},
	} {
		if got, err := call(c.calling, c.called); err != nil || got != c.want {
			t.Errorf("%s calls %s: %s, %v; want %s", c.calling, c.called, got, err, c.want)
		}
	}
	for _, c := range []struct {
		calling, called string
		want            *dimse.RejectionError
	}{
		{"LIMITED", "DOSE", dimse.ErrCalling},
		{"NOBODY", "WL", dimse.ErrCalling},
		{"KNOWN", "NOTHING", dimse.ErrCalled},
	} {
		_, err := call(c.calling, c.called)
		if no, ok := errors.AsType[*dimse.RejectionError](err); !ok || *no != *c.want {
			t.Errorf("%s calls %s: %v; want %v", c.calling, c.called, err, c.want)
		}
	}
	check(t, b.h.Sites.RemoveTitle(t.Context(), access.Local, at, "WL"))
	if _, err := call("KNOWN", "WL"); err == nil {
		t.Error("a title that was removed answers")
	}
}
