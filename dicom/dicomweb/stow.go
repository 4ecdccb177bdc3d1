package dicomweb

import "net/http"

// storeTypes are what may be sent to be stored.
var storeTypes = []string{
	`multipart/related; type="application/dicom"`, `multipart/related; type="application/dicom+json"`, typeDICOM,
}

func (h *Handler) store(w http.ResponseWriter, r *http.Request) error { return nil }
