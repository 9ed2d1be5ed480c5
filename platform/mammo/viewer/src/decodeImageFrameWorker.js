// The pixel decoder's worker. The loader asks for a file of exactly this name beside viewer.js; the package's
// exports hide the original, hence the path into node_modules.
import "../node_modules/@cornerstonejs/dicom-image-loader/dist/esm/decodeImageFrameWorker.js";
