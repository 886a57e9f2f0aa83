/** Where a sample's picture lies. @param {string} file */
export const sampleUrl = (file) => `/samples/${encodeURIComponent(file)}`;

/** What the address calls a sample: its file without the ending. @param {any} sample */
export const sampleName = (sample) => sample.file.replace(/\.\w+$/, "");
