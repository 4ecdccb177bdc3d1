package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// An inquiry is how the walk asks for a DICOM service.
type inquiry struct {
	name  string
	class uid.UID
	ask   func(ctx context.Context, t *testing.T, a *dimse.Association, class uid.UID) error
}

// inquiries are one for each of services, in the order of the table.
var inquiries = []inquiry{
	{"C-ECHO", uid.Verification, func(ctx context.Context, _ *testing.T, a *dimse.Association, _ uid.UID) error {
		return answeredBy(a.Echo(ctx))
	}},
	{"C-STORE", uid.EncapsulatedPDFStorage, func(ctx context.Context, _ *testing.T, a *dimse.Association, class uid.UID) error {
		return answeredBy(a.Store(ctx, dimse.Outgoing{
			SOPClass: class, SOPInstance: uid.Must("1.2.3"), TransferSyntax: uid.ExplicitVRLittleEndian, Data: strings.NewReader("\x08\x00\x05\x00CS\x00\x00"),
		}))
	}},
	{"C-FIND", uid.StudyRootQueryRetrieveInformationModelFind, finds},
	{"C-MOVE", uid.StudyRootQueryRetrieveInformationModelMove, func(ctx context.Context, t *testing.T, a *dimse.Association, class uid.UID) error {
		_, err := a.Move(ctx, class, "NOBODY", studyKeys(t, "1.2.3"), nil)
		return err
	}},
	{"C-GET", uid.StudyRootQueryRetrieveInformationModelGet, func(ctx context.Context, t *testing.T, a *dimse.Association, class uid.UID) error {
		_, err := a.Get(ctx, class, studyKeys(t, "1.2.3"), nil)
		return err
	}},
	{"N-ACTION storage commitment", uid.StorageCommitmentPushModel, func(ctx context.Context, _ *testing.T, a *dimse.Association, class uid.UID) error {
		_, err := a.Do(ctx, &dimse.Request{Operation: dimse.NAction, SOPClass: class, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: 1})
		return err
	}},
	{"C-FIND worklist", uid.ModalityWorklistInformationModelFind, finds},
	{"N-CREATE, N-SET performed step", uid.ModalityPerformedProcedureStep, func(ctx context.Context, t *testing.T, a *dimse.Association, class uid.UID) error {
		_, err := a.Do(ctx, &dimse.Request{Operation: dimse.NCreate, SOPClass: class, Dataset: studyKeys(t, "1.2.3")})
		return err
	}},
}

// answeredBy makes one error of an answer.
func answeredBy(s dimse.Status, err error) error { return errors.Join(err, s.Err()) }

// finds asks for a study that is not there.
func finds(ctx context.Context, t *testing.T, a *dimse.Association, class uid.UID) error {
	for _, err := range a.Find(ctx, class, studyKeys(t, "1.2.3")) {
		if err != nil {
			return err
		}
	}
	return nil
}

// studyKeys is an identifier for a study.
func studyKeys(t *testing.T, study string) *dicom.Dataset {
	t.Helper()
	ds, err := dicom.NewBuilder().Text(tag.QueryRetrieveLevel, "STUDY").Text(tag.StudyInstanceUID, study).Dataset()
	check(t, err)
	return ds
}
