package pixel

import "radagora/dicom/pixel/jpegls"

// decodeJPEGLS decodes lossless and near-lossless JPEG-LS.
func decodeJPEGLS(i Info, b []byte) (*Frame, error) {
	img, err := jpegls.Decode(b, jpegls.Bounds{Width: i.Columns, Height: i.Rows, Components: i.SamplesPerPixel})
	if err != nil {
		return nil, err
	}
	return fitted(i, picture{img.Width, img.Height, img.Components, img.Precision, img.Pix})
}
