// Look at a training run and an analysis in Omniboard as a user does; print what is seen as JSON.
//   node look.cjs URL CHROMIUM TRAINING_ID ANALYSIS_ID PICTURE FOLDER    (screenshots: FOLDER)
'use strict';

const path = require('path');
const { chromium } = require('playwright-core');

const [url, executablePath, trainingId, analysisId, picture, folder] = process.argv.slice(2);

async function main() {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
  });
  // Wide: the table draws just the columns that fit.
  const page = await browser.newPage({ viewport: { width: 9000, height: 1400 } });
  page.setDefaultTimeout(30000);
  const seen = {};
  const shoot = (name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
  const openTab = (name) => page.click(`#sidebar a:has-text("${name}")`);
  const openArtifact = (name) => page.click(`.accordion__title:has-text("${name}")`);

  await page.goto(url);
  await page.locator('[test-attr="cell-row_expander-0"]').waitFor();
  seen.table = await page
    .locator('.public_fixedDataTableRow_main')
    .evaluateAll((rows) => rows.map((row) =>
      [...row.querySelectorAll('.public_fixedDataTableCell_main')].map((c) => c.innerText.trim())));
  await shoot('table');

  const ids = seen.table.map((row) => row[seen.table[0].indexOf('Id')]);
  const toggle = (id) => page.click(`[test-attr="cell-row_expander-${ids.indexOf(id) - 1}"]`);
  await toggle(trainingId);
  await openTab('Metrics Plot');
  await page.locator('.js-plotly-plot .legendtext').first().waitFor();
  seen.legend = await page.locator('.js-plotly-plot .legendtext').allTextContents();
  seen.curves = await page
    .locator('.js-plotly-plot')
    .evaluate((plot) => plot.data.map((curve) => [curve.name, curve.x, curve.y]));
  await shoot('metrics');

  await openTab('Config');
  const folded = page.locator('#config .node-ellipsis');
  await folded.first().waitFor();
  while (await folded.count()) await folded.first().click();
  seen.config = await page.locator('#config').innerText();
  await shoot('config');

  await openTab('Captured Out');
  await page.locator('#captured_out pre, #captured_out').first().waitFor();
  seen.output = await page.locator('#captured_out').innerText();
  await shoot('output');

  await toggle(trainingId);
  await page.locator('#sidebar').waitFor({ state: 'detached' });
  await toggle(analysisId);
  await openTab('Artifacts');
  await openArtifact(picture);
  const image = page.locator('.accordion__body img[alt="image"]').first();
  await image.waitFor();
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.accordion__body img')].some((i) => i.naturalWidth > 0));
  seen.picture = await image.evaluate((i) => [i.naturalWidth, i.naturalHeight]);
  await shoot('picture');

  await openArtifact('report.html');
  const report = page.frameLocator('.accordion__body iframe').locator('body');
  await report.waitFor();
  seen.report = await report.innerText();
  await shoot('report');

  await browser.close();
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
