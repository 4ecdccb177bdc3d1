package dose

// A Field is what a value means in this program. Its text is its name in JSON and
// SQL and ends in the unit the value is kept in, where there is one.
type Field string

// The fields that the program computes with. All others are names in the tables
// of concept.go.
const (
	FieldDLP          Field = "dlp_mgycm"       // dose length product, of an event or a total
	FieldCTDIvol      Field = "ctdivol_mgy"     // mean CTDIvol
	FieldPhantom      Field = "phantom"         // "head16" or "body32"
	FieldDAP          Field = "dap_gym2"        // dose area product, of an event or a total
	FieldRP           Field = "rp_gy"           // dose at the reference point, of an event or a total
	FieldAGD          Field = "agd_mgy"         // average glandular dose, of an event or a total
	FieldActivity     Field = "activity_mbq"    // administered activity
	FieldEffective    Field = "effective_msv"   // effective dose
	FieldSSDE         Field = "ssde_mgy"        // size specific dose estimate
	FieldFluoroTime   Field = "fluoro_time_s"   // total fluoroscopy time
	FieldFluoroDAP    Field = "fluoro_dap_gym2" // of fluoroscopy alone
	FieldFluoroRP     Field = "fluoro_rp_gy"    // of fluoroscopy alone
	FieldAcquisDAP    Field = "acquis_dap_gym2" // of acquisitions alone
	FieldAcquisRP     Field = "acquis_rp_gy"    // of acquisitions alone
	FieldAcquisTime   Field = "acquis_time_s"   // total time of acquisitions
	FieldFrames       Field = "frames"          // total number of radiographic frames
	FieldPulses       Field = "pulses"          // of an event
	FieldEntrance     Field = "entrance_mgy"    // entrance surface dose of an event
	FieldEI           Field = "exposure_index"  // of the detector
	FieldDI           Field = "deviation_index" // of the detector
	FieldEITarget     Field = "target_exposure_index"
	FieldEventCount   Field = "event_count"          // declared number of events
	FieldKVP          Field = "kvp"                  // tube voltage in kV
	FieldCurrent      Field = "current_ma"           // tube current
	FieldCharge       Field = "exposure_uas"         // tube charge; shown in mAs
	FieldExposureTime Field = "exposure_time_s"      // exposure time
	FieldPulseWidth   Field = "pulse_width_ms"       // of each pulse
	FieldDuration     Field = "duration_s"           // irradiation duration
	FieldScanLength   Field = "scan_length_mm"       // scanning length
	FieldPitch        Field = "pitch"                // pitch factor
	FieldCollimation  Field = "collimation_mm"       // nominal total collimation
	FieldSingle       Field = "single_mm"            // nominal single collimation
	FieldZTop         Field = "z_top_mm"             // top of the scanning length
	FieldZBottom      Field = "z_bottom_mm"          // bottom of the scanning length
	FieldVolumeTop    Field = "volume_top_mm"        // top of the reconstructable volume
	FieldVolumeBottom Field = "volume_bottom_mm"     // bottom of the reconstructable volume
	FieldUID          Field = "uid"                  // irradiation event, or administration
	FieldStarted      Field = "started"              // of an event or of the whole
	FieldEnded        Field = "ended"                // of an event or of the whole
	FieldType         Field = "type"                 // acquisition type
	FieldProtocol     Field = "protocol"             // acquisition protocol
	FieldRegion       Field = "region"               // target region
	FieldPlane        Field = "plane"                // acquisition plane
	FieldLaterality   Field = "laterality"           // side
	FieldComment      Field = "comment"              // free text
	FieldLabel        Field = "label"                // irradiation event label
	FieldRepeated     Field = "repeated"             // is repeated acquisition
	FieldProcedure    Field = "procedure"            // procedure reported
	FieldIntent       Field = "intent"               // of the procedure
	FieldScope        Field = "scope"                // of accumulation
	FieldSource       Field = "source"               // of dose information
	FieldReason       Field = "reason"               // for proceeding after an alert
	FieldDLPSet       Field = "dlp_configured"       // is a Dose Check value for DLP configured
	FieldCTDIvolSet   Field = "ctdivol_configured"   // is one for CTDIvol configured
	FieldDLPValue     Field = "dlp_value_mgycm"      // the configured value
	FieldCTDIvolValue Field = "ctdivol_value_mgy"    // the configured value
	FieldDLPEstimate  Field = "dlp_estimate_mgycm"   // the forward estimate
	FieldCTDIvolEstim Field = "ctdivol_estimate_mgy" // the forward estimate
	FieldObserverType Field = "observer_type"        // a person or a device
	FieldDeviceUID    Field = "device_uid"           // device observer UID
	FieldDeviceName   Field = "device_name"          // device name
	FieldManufacturer Field = "manufacturer"         // of a device
	FieldModel        Field = "model"                // of a device
	FieldSerial       Field = "serial"               // of a device
	FieldLocation     Field = "location"             // of a device
	fieldPosition     Field = "position"             // of a person in the organisation
	fieldOrganization Field = "organization"         // of a person
	FieldRole         Field = "role"                 // of a device or person in the procedure
	FieldFactor       Field = "factor"               // of a calibration
	FieldUncertainty  Field = "uncertainty"          // of a calibration, in per cent
	FieldCalibrated   Field = "calibrated"           // date of a calibration
	FieldHeight       Field = "height_m"             // of the patient
	FieldWeight       Field = "weight_kg"            // of the patient
	FieldAge          Field = "age"                  // of the patient
)

// additive are the fields whose values may be summed over the events of a report,
// in the order of the JSON.
var additive = []Field{FieldDLP, FieldDAP, FieldRP, FieldAGD, FieldActivity, FieldEffective}

// parts are totals that are made of two others: fluoroscopy and acquisition.
var parts = []struct{ total, fluoro, acquis Field }{
	{FieldDAP, FieldFluoroDAP, FieldAcquisDAP},
	{FieldRP, FieldFluoroRP, FieldAcquisRP},
}
