// Downloads a real mongod into the folder given and prints its path. Apart from get.ts, since the library it needs is installed
// only when a download has a chance.

import { MongoBinary } from 'mongodb-memory-server-core';

const [, , downloadDir] = process.argv;
console.log(await MongoBinary.getPath({ version: '8.0.15', downloadDir }));
