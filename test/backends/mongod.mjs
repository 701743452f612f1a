// Downloads a real mongod into the folder given. Apart from get.ts, since the library it needs is
// installed only when a download has a chance.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoBinary } from 'mongodb-memory-server-core';

const [, , folder] = process.argv;
const path = await MongoBinary.getPath({ version: '8.0.15', downloadDir: folder });
await rename(path, join(folder, 'mongod'));
